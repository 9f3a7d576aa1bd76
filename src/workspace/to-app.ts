/**
 * Sends what a person did to the app, signed as Slack signs. Promises: no request outlives Slack's
 * three seconds; that the app is silent or absent is an outcome, never an error.
 */
import { createHmac } from 'node:crypto';

import type { Clock } from '../kernel/clock.ts';
import { ACK_LIMIT_MS } from './limits/limits.ts';
import { parseJson } from './shared/json.ts';

export type Delivery =
  /** `body` is JSON where the app sent JSON, else its text. */
  | { readonly outcome: 'acknowledged'; readonly body: unknown }
  | { readonly outcome: 'refused'; readonly status: number }
  | { readonly outcome: 'timed out' }
  | { readonly outcome: 'unreachable' };

export interface Envelope {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly signingSecret: string;
}

export async function deliver(
  { url, fields, signingSecret }: Envelope,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Delivery> {
  const body = new URLSearchParams(fields).toString();
  const seconds = String(Math.floor(clock.now().epochMilliseconds / 1000));
  const ended = new AbortController();
  const late = new AbortController();
  const limit = clock
    .sleep(ACK_LIMIT_MS, { signal: AbortSignal.any([ended.signal, signal]) })
    .then(() => late.abort(new Error('The app did not acknowledge in time')))
    .catch(() => undefined);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
        'x-slack-request-timestamp': seconds,
        'x-slack-signature': signatureOf(signingSecret, seconds, body),
      },
      body,
      signal: AbortSignal.any([late.signal, signal]),
    });
    const text = await response.text();
    if (!response.ok) return { outcome: 'refused', status: response.status };
    return { outcome: 'acknowledged', body: parseJson(text) ?? text };
  } catch {
    return late.signal.aborted ? { outcome: 'timed out' } : { outcome: 'unreachable' };
  } finally {
    ended.abort(new Error('The app has answered'));
    await limit;
  }
}

/** Slack docs, Verifying requests: version, time and the body as it is sent. */
export function signatureOf(secret: string, seconds: string, body: string): string {
  return `v0=${createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex')}`;
}
