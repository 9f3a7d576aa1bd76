/** A small real Events API v2 over HTTP: takes events, keeps what a pager would show, and can be told to fail. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

import { z } from 'zod';

export const ROUTING_KEY = 'R0123456789abcdef0123456789ABCDE';

const SentEvent = z.object({
  routing_key: z.string(),
  event_action: z.enum(['trigger', 'resolve']),
  dedup_key: z.string().max(255),
  payload: z.object({
    summary: z.string().max(1024),
    source: z.string().min(1),
    severity: z.enum(['critical', 'error', 'warning', 'info']),
    timestamp: z.string(),
    component: z.string(),
    group: z.string(),
    class: z.string(),
    custom_details: z.record(z.string(), z.string()),
  }),
  links: z.array(z.object({ href: z.url(), text: z.string() })),
  client: z.string(),
  client_url: z.url().optional(),
});
export type SentEvent = z.infer<typeof SentEvent>;

export type Mood =
  | { readonly kind: 'takes' }
  | { readonly kind: 'answers'; readonly status: number; readonly body?: string }
  | { readonly kind: 'hangs' }
  | { readonly kind: 'resets' }
  /** It took the event; its answer is lost. */
  | { readonly kind: 'loses the answer' };

export interface EventsApi extends AsyncDisposable {
  readonly url: string;
  /** What it does with the next request; `takes` is the usual. */
  mood: Mood;
  /** Events that it took, in order. */
  readonly taken: readonly SentEvent[];
  /** How many requests came, taken or not. */
  readonly asked: number;
  /** Dedup keys that somebody would be woken for now. */
  ringing(): readonly string[];
  /** How often a trigger opened an incident: one that finds its key open makes no sound. */
  readonly incidents: number;
  /** As a person does with everything that is open. */
  resolveByHand(): void;
}

export async function startEventsApi(): Promise<EventsApi> {
  const taken: SentEvent[] = [];
  const rings = new Set<string>();
  let asked = 0;
  let incidents = 0;
  const server = createServer((request, response) => {
    asked += 1;
    handle(request, response).catch(() => response.destroy());
  });

  function ring({ event_action: action, dedup_key: key }: SentEvent): void {
    if (action === 'trigger' && !rings.has(key)) incidents += 1;
    if (action === 'trigger') rings.add(key);
    else rings.delete(key);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { mood } = api;
    const body = await text(request);
    if (mood.kind === 'hangs') return;
    if (mood.kind === 'resets') {
      request.socket.resetAndDestroy();
      return;
    }
    if (mood.kind === 'answers') {
      give(response, mood.status, mood.body ?? JSON.stringify({ status: 'told', message: 'No' }));
      return;
    }
    const read = SentEvent.safeParse(JSON.parse(body));
    const isOurs = read.success && read.data.routing_key === ROUTING_KEY;
    if (request.url !== '/v2/enqueue' || request.method !== 'POST' || !isOurs) {
      const errors = read.success ? [`Invalid routing key ${read.data.routing_key}`] : ['Invalid'];
      const invalid = { status: 'invalid event', message: 'Event object is invalid', errors };
      give(response, 400, JSON.stringify(invalid));
      return;
    }
    taken.push(read.data);
    ring(read.data);
    if (mood.kind === 'loses the answer') {
      request.socket.resetAndDestroy();
      return;
    }
    const { dedup_key: key } = read.data;
    const answer = { status: 'success', message: 'Event processed', dedup_key: key };
    give(response, 202, JSON.stringify(answer));
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const api: EventsApi = {
    url: `http://127.0.0.1:${port}`,
    mood: { kind: 'takes' },
    taken,
    get asked() {
      return asked;
    },
    ringing() {
      return [...rings];
    },
    get incidents() {
      return incidents;
    },
    resolveByHand: () => rings.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;
}

function give(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body);
}
