/** `alerts --test` through a real gate: what is told when the pager takes it, refuses it, or hangs. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { alertsOperation } from '../../src/alerts/operation.ts';
import type { Pager } from '../../src/alerts/pager.ts';
import { pagerDuty } from '../../src/alerts/pagerduty.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type EventsApi, ROUTING_KEY, startEventsApi } from '../support/events-api.ts';
import { ANA, SIGNAL, type ToyGate, toyGate } from '../support/toy-gate.ts';

let api: EventsApi;
let at: ToyGate;

beforeEach(async () => {
  api = await startEventsApi();
  at = await toyGate({ operations: [] });
});

afterEach(async () => {
  await at[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

async function tryPager(url: string | undefined): Promise<RunRecord> {
  const pager =
    url === undefined ? undefined : pagerDuty({ routingKey: ROUTING_KEY, url, limitMs: 200 });
  const { catalog } = at;
  const clock = { ...systemClock, sleep: async () => Promise.resolve() };
  const operation = alertsOperation({ pager, catalog, clock, random: () => 0 });
  await using gate = await toyGate({ operations: [operation], path: at.path });
  const run = await gate.row('alerts', { input: { test: true }, actor: ANA });
  expect(run.danger).toBe('low');
  return await gate.gate.perform(run.runId, { signal: SIGNAL });
}

test('a test page goes out and is taken back under one key, and both answers are told', async () => {
  const run = await tryPager(api.url);

  expect(run.state).toBe('done');
  expect(run.result).toMatchObject({
    open: [],
    test: { trigger: '202, success, Event processed', resolve: '202, success, Event processed' },
  });
  expect(api.taken.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve']);
  expect(api.ringing()).toEqual([]);
  expect(api.taken[0]?.payload.summary).toContain('nothing is wrong');
  expect(JSON.stringify(run)).not.toContain(ROUTING_KEY);
});

test('one that is refused says so, and what to compare', async () => {
  api.mood = { kind: 'answers', status: 400 };

  expect(await tryPager(api.url)).toMatchObject({
    state: 'failed',
    problem: { code: 'ALERTS_PAGER_REFUSED', message: expect.stringContaining('400') as unknown },
  });
  // The page, and the taking back of what was perhaps taken.
  expect(api.asked).toBe(2);
});

test('one that hangs is tried a few times, then it is told', async () => {
  api.mood = { kind: 'hangs' };

  expect(await tryPager(api.url)).toMatchObject({
    state: 'failed',
    problem: { code: 'ALERTS_PAGER_UNREACHABLE' },
  });
  expect(api.asked).toBe(6);
});

test.each(['before the answer', 'after it'])(
  'whoever cancels it, %s, leaves no page open',
  async (when) => {
    const stopping = new AbortController();
    const real = pagerDuty({ routingKey: ROUTING_KEY, url: api.url, limitMs: 5000 });
    const pager: Pager = {
      ...real,
      async send(event, options) {
        const answer = await real.send(event, options);
        if (event.action === 'resolve') return answer;
        stopping.abort(new Error('Cancelled'));
        if (when === 'before the answer') options.signal.throwIfAborted();
        return answer;
      },
    };
    const { catalog } = at;
    const operation = alertsOperation({ pager, catalog, clock: systemClock, random: () => 0 });
    await using gate = await toyGate({ operations: [operation], path: at.path });
    const run = await gate.row('alerts', { input: { test: true }, actor: ANA });

    const ended = await gate.gate.perform(run.runId, { signal: stopping.signal });

    expect(ended.state).not.toBe('done');
    expect(api.taken.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve']);
    expect(api.ringing()).toEqual([]);
  },
);

test('whoever stops it while the pager takes nothing is told that the page may be left open', async () => {
  const stopping = new AbortController();
  const pager: Pager = {
    name: 'P',
    place: 'p',
    async send(_event, { signal }) {
      stopping.abort(new Error('serve stops'));
      return Promise.resolve({ outcome: 'refused', said: signal.aborted ? 'gone' : 'no' });
    },
  };
  const { catalog } = at;
  const operation = alertsOperation({ pager, catalog, clock: systemClock, random: () => 0 });
  await using gate = await toyGate({ operations: [operation], path: at.path });
  const run = await gate.row('alerts', { input: { test: true }, actor: ANA });

  expect(await gate.gate.perform(run.runId, { signal: stopping.signal })).toMatchObject({
    state: 'interrupted',
    problem: { message: expect.stringContaining('left open') as unknown },
  });
});

test('without a pager it is refused before anything is written', async () => {
  await expect(tryPager(undefined)).rejects.toMatchObject({ kind: { code: 'ALERTS_NO_PAGER' } });
  expect(await at.catalog.runs.list({ limit: 9 })).toEqual([]);
});

test('whoever only looks leaves no row', async () => {
  const operation = alertsOperation({
    pager: undefined,
    catalog: at.catalog,
    clock: systemClock,
    random: () => 0,
  });
  await using gate = await toyGate({ operations: [operation], path: at.path });

  expect(await gate.ask('alerts', { input: {} })).toMatchObject({
    outcome: 'answered',
    result: { pager: null, open: [], waiting: [], test: null },
  });
});
