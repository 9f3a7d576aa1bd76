/**
 * A tiny Slack for tests: a Web API that records what it is called with and answers `ok`, response
 * URLs, and a sender of signed requests. Failures can be arranged for the next calls of a method.
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { z } from 'zod';

export interface ApiCall {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface FakeUser {
  readonly id: string;
  readonly name: string;
  readonly tz: string;
  readonly team_id?: string;
  readonly deleted?: boolean;
  readonly is_restricted?: boolean;
}

export interface FakeSlack extends AsyncDisposable {
  readonly apiUrl: string;
  readonly calls: ApiCall[];
  /** What was answered to response URLs. */
  readonly whispers: Readonly<Record<string, unknown>>[];
  /** The next call of `method` answers this instead. */
  arrange(method: string, answer: FakeAnswer): void;
  of(method: string): readonly ApiCall[];
  responseUrl(): string;
}

export type FakeAnswer =
  | { readonly error: string }
  | { readonly retryAfterSeconds: number }
  | { readonly status: number };

const Args = z.record(z.string(), z.unknown());

export const TEAM = 'T0HOME';
export const SECRET = 'a-signing-secret-of-the-tests-only';

export interface FakeSlackOptions {
  readonly users: readonly FakeUser[];
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

export async function fakeSlack(options: FakeSlackOptions): Promise<FakeSlack> {
  const calls: ApiCall[] = [];
  const whispers: Readonly<Record<string, unknown>>[] = [];
  const arranged = new Map<string, FakeAnswer[]>();
  let posted = 0;

  function answerOk(method: string, args: Readonly<Record<string, unknown>>): object {
    if (method === 'auth.test') return { ok: true, team_id: TEAM, user_id: 'U0DBDR' };
    if (method === 'users.info') return userAnswer(options.users, args['user']);
    if (method === 'usergroups.users.list')
      return { ok: true, users: options.groups?.[String(args['usergroup'])] ?? [] };
    if (method === 'chat.postMessage') {
      posted += 1;
      return {
        ok: true,
        channel: args['channel'],
        ts: `1700000000.${String(posted).padStart(6, '0')}`,
      };
    }
    return { ok: true, channel: args['channel'], ts: args['ts'] };
  }

  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const path = request.url ?? '';
      const args = readArgs(text, request.headers['content-type'] ?? '');
      if (path.startsWith('/respond')) {
        whispers.push(args);
        return send(response, { ok: true });
      }
      const method = path.replace('/api/', '');
      calls.push({ method, args });
      const wrong = arranged.get(method)?.shift();
      return wrong === undefined
        ? send(response, answerOk(method, args))
        : sendWrong(response, wrong);
    });
  });
  const port = await listen(server);
  return {
    apiUrl: `http://127.0.0.1:${port}/api/`,
    calls,
    whispers,
    arrange(method, answer) {
      arranged.set(method, [...(arranged.get(method) ?? []), answer]);
    },
    of: (method) => calls.filter((call) => call.method === method),
    responseUrl: () => `http://127.0.0.1:${port}/respond/1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function userAnswer(users: readonly FakeUser[], id: unknown): object {
  const user = users.find((each) => each.id === id);
  if (user === undefined) return { ok: false, error: 'user_not_found' };
  return { ok: true, user: { team_id: TEAM, ...user, profile: { display_name: user.name } } };
}

function sendWrong(response: ServerResponse, wrong: FakeAnswer): void {
  if ('retryAfterSeconds' in wrong) {
    response.writeHead(429, { 'retry-after': String(wrong.retryAfterSeconds) });
    response.end();
  } else if ('status' in wrong) {
    response.writeHead(wrong.status);
    response.end();
  } else send(response, { ok: false, error: wrong.error });
}

function send(response: ServerResponse, answer: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer));
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += String(chunk);
  return text;
}

function readArgs(text: string, type: string): Readonly<Record<string, unknown>> {
  if (type.includes('json')) return Args.parse(JSON.parse(text));
  const args: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(text)) args[key] = readValue(value);
  return args;
}

/** Blocks and views come as JSON in a form's field. */
function readValue(value: string): unknown {
  const parsed: unknown = /^[[{]/.test(value) ? JSON.parse(value) : value;
  return parsed;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('No port');
  return address.port;
}

export interface SignedRequest {
  readonly port: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly secret?: string;
  /** How old the signature says it is. */
  readonly ageSeconds?: number;
}

/** Posts a form as Slack does, signed. */
export async function sendSigned(request: SignedRequest): Promise<Response> {
  const body = new URLSearchParams(request.fields).toString();
  const seconds = Math.floor(Temporal.Now.instant().epochMilliseconds / 1000);
  const timestamp = String(seconds - (request.ageSeconds ?? 0));
  const hmac = createHmac('sha256', request.secret ?? SECRET);
  const signature = `v0=${hmac.update(`v0:${timestamp}:${body}`).digest('hex')}`;
  return fetch(`http://127.0.0.1:${request.port}/slack/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': signature,
    },
    body,
  });
}
