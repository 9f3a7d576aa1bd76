/**
 * PagerDuty's Events API v2. Tries once, within a limit, and says what came of it: taken, not now (no
 * answer, 429, 5xx), or refused (any other 4xx, such as a routing key that nobody has). Whatever is told of
 * an answer, the routing key is not in it.
 */
import { Agent, type AgentOptions } from 'node:https';
import { connect, type Socket } from 'node:net';

import { z } from 'zod';

import type { Pager, PagerAnswer, PagerEvent } from './pager.ts';

export interface PagerDutySettings {
  /** A secret. */
  readonly routingKey: string;
  /** Where the API is: `https://events.pagerduty.com`. */
  readonly url: string;
  /** Where people read `runbooks/`; undefined: pages carry no links. */
  readonly runbooksUrl?: string | undefined;
  /** For one try. */
  readonly limitMs?: number;
}

const LIMIT_MS = 10_000;
/** The library asks again three times after a 429, this long apart; then it is our turn. */
const RATE_LIMIT_WAIT_MS = 1000;
/** PagerDuty docs, PD-CEF: `summary` up to 1024 characters. */
const SUMMARY_MAX = 1024;
const DETAIL_MAX = 2000;
const SAID_MAX = 300;
const HIDDEN = '(hidden)';

/** `{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}`. */
const Told = z.object({
  status: z.string().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  errors: z.array(z.string()).optional().catch(undefined),
});

export function pagerDuty(settings: PagerDutySettings): Pager {
  const { routingKey, url, limitMs = LIMIT_MS } = settings;
  const { host, protocol } = new URL(url);

  function told(words: string): string {
    return words.replaceAll(routingKey, HIDDEN).slice(0, SAID_MAX);
  }

  return {
    name: 'PagerDuty',
    place: host,
    async send(event, { signal }) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
      try {
        const answer = await enqueue(eventOf(event, settings), { host, protocol, signal: limited });
        return { ...answer, said: told(answer.said) };
      } catch (error) {
        signal.throwIfAborted();
        const why = limited.aborted
          ? `${host} did not answer within ${limitMs / 1000} seconds`
          : `${host} cannot be asked: ${wordsOf(error)}`;
        return { outcome: 'not now', said: told(why) };
      }
    },
  };
}

interface Place {
  readonly host: string;
  readonly protocol: string;
  readonly signal: AbortSignal;
}

/** As the library declares it, but for what it hands on to its own `fetch`. */
interface Enqueued {
  readonly routing_key: string;
  readonly event_action: 'trigger' | 'resolve';
  readonly dedup_key: string;
  readonly payload: {
    readonly summary: string;
    readonly source: string;
    readonly severity: 'critical';
    readonly timestamp: string;
    readonly component: string;
    readonly group: string;
    readonly class: string;
    readonly custom_details: object;
  };
  readonly links: { readonly href: string; readonly text: string }[];
  /** Who speaks, and where people see more of it: shown as a link in the incident. */
  readonly client: string;
  readonly client_url?: string;
}

async function enqueue(data: Enqueued, { host, protocol, signal }: Place): Promise<PagerAnswer> {
  // It comes only when somebody is paged.
  const { event } = await import('@pagerduty/pdjs');
  const answer = await event({
    server: host,
    data,
    signal,
    // Its own limit is only a timer that keeps the process alive.
    requestTimeout: 0,
    retryTimeout: RATE_LIMIT_WAIT_MS,
    ...(protocol === 'http:' ? { agent: new PlainAgent({ keepAlive: false }) } : {}),
  });
  const body: unknown = answer.data;
  return answerOf(answer.response.status, body);
}

function answerOf(status: number, body: unknown): PagerAnswer {
  const { status: word, message, errors = [] } = Told.safeParse(body).data ?? {};
  const parts = [word, message, ...errors].filter((part) => part !== undefined && part !== '');
  const said = [String(status), ...parts].join(', ');
  if (status >= 200 && status < 300) return { outcome: 'accepted', said };
  const isHopeless = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return { outcome: isHopeless ? 'refused' : 'not now', said };
}

function eventOf(
  { action, dedupKey, page, link }: PagerEvent,
  { routingKey, runbooksUrl }: PagerDutySettings,
): Enqueued {
  const { summary, source, component, code, since, details, runbook } = page;
  return {
    routing_key: routingKey,
    event_action: action,
    dedup_key: dedupKey,
    payload: {
      summary: summary.slice(0, SUMMARY_MAX),
      source,
      severity: 'critical',
      timestamp: since,
      component,
      group: 'dbdr',
      class: code,
      custom_details: Object.fromEntries(
        Object.entries(details).map(([label, value]) => [label, value.slice(0, DETAIL_MAX)]),
      ),
    },
    links: [
      ...(link === undefined ? [] : [{ href: link, text: 'The run in Slack' }]),
      ...(runbook === null || runbooksUrl === undefined
        ? []
        : [{ href: `${runbooksUrl.replace(/\/$/, '')}/${runbook}`, text: `Runbook ${runbook}` }]),
    ],
    client: 'dbdr',
    ...(link === undefined ? {} : { client_url: link }),
  };
}

/**
 * The library speaks HTTPS only. An API of one's own that is named with `http://` (a relay on this machine,
 * the double of the tests) is spoken to without TLS by giving the request a plain connection.
 */
class PlainAgent extends Agent {
  override createConnection({ host, port }: AgentOptions & { readonly port?: number }): Socket {
    return connect({ host: host ?? '127.0.0.1', port: port ?? 80 });
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = /reason: (.*)$/.exec(error.message)?.[1];
  return reason ?? error.message;
}
