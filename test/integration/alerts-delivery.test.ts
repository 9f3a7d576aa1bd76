/** What becomes of a page that the pager does not take, and what is told of it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { alertsOperation } from '../../src/alerts/operation.ts';
import { type AlertsSetting, alertsSetting, toldTo } from '../support/alerts-setting.ts';
import { type EventsApi, startEventsApi } from '../support/events-api.ts';
import { testRun } from '../support/test-run.ts';
import { TERMINAL } from '../support/toy-gate.ts';
import { waitUntil } from '../support/wait-until.ts';

let api: EventsApi;
let setting: AlertsSetting;

beforeEach(async () => {
  api = await startEventsApi();
  setting = await alertsSetting();
});

afterEach(async () => {
  await setting[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

function told(): readonly string[] {
  return toldTo(api);
}

describe('a pager that does not take it', () => {
  test('is a finding after a while, and is over when it is taken; both arrive in order', async () => {
    const { catalog } = setting.at;
    api.mood = { kind: 'answers', status: 503 };
    const deps = setting.depsOf(api.url, { undeliveredSeconds: 1 });

    await setting.serving(deps, async () => {
      const run = await setting.prove({ verdict: 'FAIL' });
      await waitUntil(async () => (await setting.codes()).includes('ALERT_UNDELIVERED'));
      await setting.prove({ verdict: 'PASS' });
      await waitUntil(async () => (await catalog.outbox.undelivered()).length === 2);
      expect(told()).toEqual([]);
      expect((await setting.pagedOf(run)).at(-1)).toEqual({
        outcome: 'waiting',
        said: '503, told, No',
      });

      api.mood = { kind: 'takes' };
      await waitUntil(async () => (await catalog.outbox.undelivered()).length === 0);
      await waitUntil(async () => (await setting.codes()).length === 0);
    });

    expect(told()).toEqual(['trigger shop/PROOF_FAILED', 'resolve shop/PROOF_FAILED']);
    expect(await catalog.outbox.lastAccepted()).toMatchObject({ action: 'resolve' });
  });

  test('that refuses is not asked for ever, is a finding at once, and asked anew by the next start', async () => {
    api.mood = { kind: 'answers', status: 400 };
    const run = await setting.prove({ verdict: 'FAIL' });

    await setting.serving(setting.depsOf(api.url), async () => {
      await waitUntil(async () => (await setting.codes()).includes('ALERT_UNDELIVERED'));
      await waitUntil(async () => (await setting.pagedOf(run)).length === 2);
    });
    expect(api.asked).toBe(1);
    expect((await setting.pagedOf(run)).at(-1)).toEqual({
      outcome: 'refused',
      said: '400, told, No',
    });

    api.mood = { kind: 'takes' };
    await setting.serving(setting.depsOf(api.url), async () => {
      await waitUntil(async () => !(await setting.codes()).includes('ALERT_UNDELIVERED'));
    });
    expect(told()).toEqual(['trigger shop/PROOF_FAILED']);
  });

  test('that took it but lost its answer hears of it again under the same key', async () => {
    api.mood = { kind: 'loses the answer' };

    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(() => told().length === 1);
      api.mood = { kind: 'takes' };
      await waitUntil(async () => (await setting.at.catalog.outbox.undelivered()).length === 0);
    });

    expect(told()).toEqual(['trigger shop/PROOF_FAILED', 'trigger shop/PROOF_FAILED']);
    expect(api.ringing()).toHaveLength(1);
  });
});

test('a bug in one half ends both, so that supervision starts them again', async () => {
  const bug = new TypeError('A bug');
  const pager = {
    name: 'P',
    place: 'p',
    send: async () => Promise.reject(bug),
  };
  await setting.prove({ verdict: 'FAIL' });

  await expect(
    setting.serving(setting.depsOf(undefined, { pager }), async () => new Promise(() => undefined)),
  ).rejects.toBe(bug);
  expect(await setting.at.catalog.outbox.undelivered()).toHaveLength(1);
});

test('a page whose words nobody can read is told all the same', async () => {
  const row = {
    dedupKey: 'k',
    server: 'shop',
    page: 'other',
    runId: null,
    action: 'trigger',
  } as const;
  await setting.at.catalog.outbox.add({ rows: [{ ...row, madeAt: '2026-11-22T04:09:00Z' }] });

  await setting.serving(setting.depsOf(api.url), async () => {
    await waitUntil(() => api.taken.length > 0);
  });

  expect(api.taken[0]?.payload).toMatchObject({ source: 'shop', class: 'UNREADABLE' });
});

describe('alerts', () => {
  test('says what is open, what waits and what was taken last', async () => {
    api.mood = { kind: 'answers', status: 503 };
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(() => api.asked > 0);
      await waitUntil(async () => {
        const [row] = await setting.at.catalog.outbox.undelivered();
        return row?.attempts === 1;
      });
    });
    const operation = alertsOperation(setting.depsOf(api.url));
    const signal = AbortSignal.timeout(20_000);
    const { plan } = await operation.prepare({ test: false }, { actor: TERMINAL, signal });

    const result = await operation.run(plan, testRun());

    expect(operation.danger(plan)).toBe('none');
    expect(result).toMatchObject({
      pager: `PagerDuty at ${new URL(api.url).host}`,
      open: [
        {
          server: 'shop',
          code: 'PROOF_FAILED',
          runId: expect.stringMatching(/^r-/) as unknown,
          acceptedAt: null,
        },
      ],
      waiting: [{ action: 'trigger', state: 'waiting', attempts: 1, said: '503, told, No' }],
      lastAcceptedAt: null,
      test: null,
    });
  });
});
