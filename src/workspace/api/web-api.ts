/**
 * Slack's Web API as one function: the token is checked first, then the rate, then the method. Always
 * answers with Slack's `{ ok, … }`; an unknown method is `unknown_method`, never a 404.
 */
import { isRecord, type JsonRecord, parseJson, textAt } from '../shared/json.ts';
import { type ApiContext, type Method, ok, refused } from './answer.ts';
import { CHAT_METHODS } from './chat-methods.ts';
import { CONVERSATION_METHODS } from './conversation-methods.ts';
import { PEOPLE_METHODS } from './people-methods.ts';
import { createRates } from './rates.ts';
import { VIEW_METHODS } from './view-methods.ts';

const METHODS: ReadonlyMap<string, Method> = new Map(
  Object.entries({
    'api.test': (args) => ok({ args }),
    ...CHAT_METHODS,
    ...CONVERSATION_METHODS,
    ...PEOPLE_METHODS,
    ...VIEW_METHODS,
  } satisfies Record<string, Method>),
);
const WITHOUT_TOKEN: readonly string[] = ['api.test'];

export interface ApiRequest {
  readonly method: string;
  readonly contentType: string;
  readonly authorization: string;
  readonly body: string;
  /** Arguments in the address, for GET. */
  readonly query: JsonRecord;
}

export interface ApiResponse {
  readonly status: 200 | 429;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonRecord;
}

export type WebApi = (request: ApiRequest) => ApiResponse;

export function createWebApi(context: ApiContext): WebApi {
  const rates = createRates(context.options.clock);
  return (request) => {
    const args = { ...request.query, ...readBody(request) };
    const method = METHODS.get(request.method);
    if (method === undefined)
      return answered({ ...refused('unknown_method'), req_method: request.method });
    if (!WITHOUT_TOKEN.includes(request.method)) {
      const denied = checkToken(request, args, context);
      if (denied !== undefined) return answered(denied);
    }
    const wait =
      context.options.rateLimits === true
        ? rates.waitSeconds(request.method, textAt(args, 'channel'))
        : undefined;
    if (wait !== undefined)
      return {
        status: 429,
        headers: { 'retry-after': String(wait) },
        body: refused('ratelimited'),
      };
    const answer = method(args, context);
    if (answer['ok'] !== true)
      context.options.log.debug('A Web API call was refused', {
        method: request.method,
        error: answer['error'],
        errors: answer['errors'],
      });
    return answered(answer);
  };
}

function answered(body: JsonRecord): ApiResponse {
  return { status: 200, headers: {}, body };
}

function readBody({ body, contentType }: ApiRequest): JsonRecord {
  if (contentType.includes('application/json')) {
    const parsed = parseJson(body);
    return isRecord(parsed) ? parsed : {};
  }
  return Object.fromEntries(new URLSearchParams(body));
}

function checkToken(
  { authorization }: ApiRequest,
  args: JsonRecord,
  { options }: ApiContext,
): JsonRecord | undefined {
  const token = authorization.replace(/^Bearer\s*/i, '') || textAt(args, 'token');
  if (token === '') return refused('not_authed');
  return token === options.botToken ? undefined : refused('invalid_auth');
}
