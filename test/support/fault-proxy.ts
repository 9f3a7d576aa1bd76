/**
 * Stands in front of an S3 server and spoils what it is told to spoil. Signatures stay good, because the
 * client's own Host header is passed on. A fault is chosen for each request as it comes.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

export type Fault =
  /** Answers so; the server behind hears nothing. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code: string;
      readonly headers?: Headers;
      /** Instead of an error with `code`. */
      readonly body?: string;
    }
  /** The server behind does it; its answer is lost. */
  | { readonly kind: 'lose the answer' }
  /** The connection breaks before the server behind heard of it. */
  | { readonly kind: 'reset' }
  /** The answer breaks off in its middle: by a reset, or by an end that looks orderly. */
  | { readonly kind: 'break off'; readonly by: 'reset' | 'end' }
  /** The answer is shorter, and says so. */
  | { readonly kind: 'shorten' }
  /** One bit of the answer's body is another one. */
  | { readonly kind: 'flip a bit' }
  | { readonly kind: 'wrong checksum' }
  /** One bit of what was sent is another one when it arrives. */
  | { readonly kind: 'spoil the request' }
  /** What it answered to the same request the first time. */
  | { readonly kind: 'stale' }
  /** No answer at all. */
  | { readonly kind: 'hang' }
  /** A byte of the answer's body now and then: something moves, and it never ends. */
  | { readonly kind: 'trickle'; readonly everyMs: number };

type Headers = Readonly<Record<string, string>>;

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Undefined: nothing is spoiled. */
  choose: (request: SeenRequest) => Fault | undefined;
  /** Everything that was asked, in order. */
  readonly seen: readonly SeenRequest[];
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startFaultProxy(behind: string): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const first = new Map<string, Answer>();
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
    };
    seen.push(asked);
    const fault = proxy.choose(asked);
    const body = await buffer(request);
    if (fault !== undefined && isKeptBack(request, response, fault)) return;
    const name = `${asked.method} ${asked.url}`;
    const sent = fault?.kind === 'spoil the request' ? flipped(body) : body;
    const answer = await pass(behind, asked, sent);
    const known = first.get(name) ?? answer;
    first.set(name, known);
    spoil(response, fault?.kind === 'stale' ? known : answer, fault);
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    choose: () => undefined,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** True: the server behind hears nothing of it. */
function isKeptBack(request: IncomingMessage, response: ServerResponse, fault: Fault): boolean {
  if (fault.kind === 'hang') return true;
  if (fault.kind === 'reset') request.socket.resetAndDestroy();
  else if (fault.kind === 'answer') give(response, refusal(fault));
  else return false;
  return true;
}

function refusal({ status, code, headers = {}, body = '' }: Fault & { kind: 'answer' }): Answer {
  const error = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>Told by a fault</Message></Error>`;
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: Buffer.from(body === '' ? error : body),
  };
}

async function pass(behind: string, asked: SeenRequest, body: Buffer): Promise<Answer> {
  const { method, url, headers } = asked;
  return await new Promise((resolve, reject) => {
    const onward = httpRequest(`${behind}${url}`, { method, headers }, (answer) => {
      buffer(answer).then(
        (bytes) =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
        reject,
      );
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

function spoil(response: ServerResponse, answer: Answer, fault: Fault | undefined): void {
  const half = answer.body.subarray(0, Math.floor(answer.body.length / 2));
  if (fault?.kind === 'lose the answer') response.socket?.resetAndDestroy();
  else if (fault?.kind === 'break off') {
    response.writeHead(answer.status, answer.headers);
    response.write(half, () => {
      if (fault.by === 'reset') response.socket?.resetAndDestroy();
      else response.socket?.end();
    });
  } else if (fault?.kind === 'trickle') void trickle(response, answer, fault.everyMs);
  else give(response, changed(answer, fault, half));
}

async function trickle(response: ServerResponse, answer: Answer, everyMs: number): Promise<void> {
  response.writeHead(answer.status, answer.headers);
  for (const byte of answer.body) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await delay(everyMs);
  }
  response.end();
}

function changed(answer: Answer, fault: Fault | undefined, half: Buffer): Answer {
  const { headers, body } = answer;
  if (fault?.kind === 'flip a bit') return { ...answer, body: flipped(body) };
  if (fault?.kind === 'wrong checksum')
    return { ...answer, headers: { ...headers, 'x-amz-checksum-crc32': 'AAAAAA==' } };
  if (fault?.kind !== 'shorten') return answer;
  return { ...answer, headers: { ...headers, 'content-length': String(half.length) }, body: half };
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const at = Math.floor(copy.length / 2);
  if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

function give(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers);
  response.end(body);
}
