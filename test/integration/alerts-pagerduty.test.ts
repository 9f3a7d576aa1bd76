/** PagerDuty's Events API through its own library, against a double over real HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { PagerEvent } from '../../src/alerts/pager.ts';
import { type PagerDutySettings, pagerDuty } from '../../src/alerts/pagerduty.ts';
import { type EventsApi, ROUTING_KEY, startEventsApi } from '../support/events-api.ts';
import { SIGNAL } from '../support/toy-gate.ts';

const EVENT: PagerEvent = {
  action: 'trigger',
  dedupKey: 'dbdr/i-1/shop/PROOF_FAILED',
  page: {
    summary: `shop could NOT be proved restorable ${'x'.repeat(2000)}`,
    source: 'shop',
    component: 'verification',
    code: 'PROOF_FAILED',
    since: '2026-11-22T04:09:00.000000Z',
    details: { 'what to do next': 'Take a base backup now.', 'run id': 'r-1' },
    runbook: 'point-in-time.md',
  },
};

let api: EventsApi;

beforeEach(async () => {
  api = await startEventsApi();
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

function send(change: Partial<PagerDutySettings> = {}, event = EVENT) {
  const settings = { routingKey: ROUTING_KEY, url: api.url, limitMs: 400, ...change };
  return pagerDuty(settings).send(event, { signal: SIGNAL });
}

describe('pagerDuty()', () => {
  test('tells what is wrong, of which server, and what to do next, under one key', async () => {
    const runbooksUrl = 'https://git.internal/dbdr/runbooks/';

    expect(await send({ runbooksUrl })).toEqual({
      outcome: 'accepted',
      said: '202, success, Event processed',
    });
    expect(api.taken).toMatchObject([
      {
        event_action: 'trigger',
        dedup_key: EVENT.dedupKey,
        payload: {
          source: 'shop',
          severity: 'critical',
          timestamp: EVENT.page.since,
          component: 'verification',
          class: 'PROOF_FAILED',
          custom_details: EVENT.page.details,
        },
        links: [{ href: 'https://git.internal/dbdr/runbooks/point-in-time.md' }],
      },
    ]);
    expect(api.taken[0]?.payload.summary).toHaveLength(1024);
  });

  test('links to the run, so that whoever is woken sees it with one tap', async () => {
    const link = 'https://acme.slack.com/archives/C0OPS/p1700000000000001';

    await send({}, { ...EVENT, link });
    await send();

    expect(api.taken).toMatchObject([
      { client: 'dbdr', client_url: link, links: [{ href: link, text: 'The run in Slack' }] },
      { client: 'dbdr', links: [] },
    ]);
    expect(api.taken[1]).not.toHaveProperty('client_url');
  });

  test('takes a page back under the key that it was sent with', async () => {
    await send();
    await send({}, { ...EVENT, action: 'resolve' });

    expect(api.ringing()).toEqual([]);
  });

  test('says that a routing key is refused, and never says the key', async () => {
    const routingKey = 'X'.repeat(32);

    const answer = await send({ routingKey });

    expect(answer).toMatchObject({ outcome: 'refused' });
    expect(answer.said).toContain('Invalid routing key (hidden)');
    expect(answer.said).not.toContain(routingKey);
  });

  test.each([500, 503, 408])('takes %i for "not now"', async (status) => {
    api.mood = { kind: 'answers', status };

    expect(await send()).toEqual({ outcome: 'not now', said: `${status}, told, No` });
  });

  test('takes too many requests for "not now", after the library has asked again', async () => {
    api.mood = { kind: 'answers', status: 429 };

    expect(await send({ limitMs: 8000 })).toEqual({ outcome: 'not now', said: '429, told, No' });
    expect(api.asked).toBe(4);
  });

  test.each([
    ['hangs', 'did not answer within 0.4 seconds'],
    ['resets', 'cannot be asked: '],
    ['loses the answer', 'cannot be asked: '],
  ] as const)('takes one that %s for "not now"', async (kind, words) => {
    api.mood = { kind };

    const answer = await send();

    expect(answer).toMatchObject({ outcome: 'not now' });
    expect(answer.said).toContain(words);
  });

  test('takes an answer that is no JSON, such as that of a proxy, for "not now"', async () => {
    api.mood = { kind: 'answers', status: 502, body: '<html>Bad gateway</html>' };

    expect(await send()).toMatchObject({ outcome: 'not now' });
  });

  test('takes nobody at that address for "not now"', async () => {
    expect(await send({ url: 'http://127.0.0.1:1' })).toMatchObject({ outcome: 'not now' });
  });

  test('stops when it is told to', async () => {
    api.mood = { kind: 'hangs' };
    const stop = new AbortController();
    const pager = pagerDuty({ routingKey: ROUTING_KEY, url: api.url });

    const sending = pager.send(EVENT, { signal: stop.signal });
    stop.abort(new Error('The bot stops'));

    await expect(sending).rejects.toThrow('The bot stops');
  });
});
