/** From the end of a run to whoever is woken: real gate, catalogue and HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { AlertsDeps } from '../../src/alerts/deps.ts';
import { alertsOperation } from '../../src/alerts/operation.ts';
import { readFindings } from '../../src/alerts/route.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import {
  type AlertsSetting,
  alertsSetting,
  BACKUP,
  NEXT_BACKUP,
  SCHEDULE,
} from '../support/alerts-setting.ts';
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
  return api.taken.map(
    ({ event_action: action, dedup_key: key }) => `${action} ${key.split('/').slice(2).join('/')}`,
  );
}

async function pagedOf(run: RunRecord): Promise<readonly unknown[]> {
  const events = await setting.at.catalog.runs.eventsOf(run.runId);
  return events.flatMap(({ kind, data }) => (kind === 'paged' ? [data] : []));
}

async function codes(): Promise<readonly unknown[]> {
  return readFindings(await setting.at.catalog.findings.list('shop')).map(({ code }) => code);
}

/** As if so much time had passed. */
function later(minutes: number): AlertsDeps {
  const clock = { ...systemClock, now: () => systemClock.now().add({ minutes }) };
  return setting.depsOf(api.url, { clock });
}

async function proofs(): Promise<readonly RunRecord[]> {
  return setting.at.catalog.runs.list({ operation: 'verify', limit: 99 });
}

/** The follower has read every event there is. */
async function caughtUp(): Promise<void> {
  const { cursors, runs } = setting.at.catalog;
  await waitUntil(async () => {
    const newest = await runs.newestSeq();
    return (await cursors.get('alerts')) >= newest;
  });
}

describe('a proof that says FAIL', () => {
  test('pages within seconds, and the next PASS of that store takes it back', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      const run = await setting.prove({ verdict: 'FAIL' }, TERMINAL);
      await waitUntil(() => told().length === 1, 5000);

      expect(told()).toEqual(['trigger shop/PROOF_FAILED']);
      expect(api.taken[0]?.payload.custom_details).toMatchObject({
        'run id': run.runId,
        'backup id': BACKUP,
        store: 'here',
        'what to do next': 'Take a base backup now.',
      });
      await waitUntil(async () => (await pagedOf(run)).length === 2);
      expect(await pagedOf(run)).toMatchObject([
        { outcome: 'waiting' },
        { outcome: 'accepted', by: 'PagerDuty' },
      ]);

      await setting.prove({ verdict: 'SKIPPED' });
      await setting.prove({ verdict: 'PASS', store: 'west', backupId: NEXT_BACKUP });
      await caughtUp();
      expect(told()).toHaveLength(1);

      await setting.prove({ verdict: 'PASS', backupId: NEXT_BACKUP });
      await waitUntil(() => told().length === 2);
      expect(told()[1]).toBe('resolve shop/PROOF_FAILED');
      expect(api.ringing()).toEqual([]);
    });
  });

  test('is told once however often it fails, and each run hears of the page', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(() => told().length === 1);
      const second = await setting.prove({ verdict: 'FAIL', store: 'west' });
      await waitUntil(async () => (await pagedOf(second)).length === 1);

      expect(await pagedOf(second)).toMatchObject([{ outcome: 'accepted' }]);
      // One store is well again, the other is not.
      await setting.prove({ verdict: 'PASS' });
      await caughtUp();
      expect(told()).toEqual(['trigger shop/PROOF_FAILED']);
    });
  });

  test('is over when retention has removed the copy', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(() => told().length === 1);

      await setting.at.catalog.backups.remove('shop', BACKUP, 'here');

      await waitUntil(() => told().length === 2);
      expect(api.ringing()).toEqual([]);
    });
  });

  test('wakes nobody when a PASS has followed it before the bot looked', async () => {
    const failed = await setting.prove({ verdict: 'FAIL' });
    await setting.prove({ verdict: 'PASS' });

    await setting.serving(setting.depsOf(api.url), caughtUp);

    expect(told()).toEqual([]);
    expect(await pagedOf(failed)).toHaveLength(1);
  });

  test('says that nobody is paged where no pager is configured', async () => {
    const run = await setting.prove({ verdict: 'FAIL' });

    await setting.serving(setting.depsOf(undefined), caughtUp);

    expect(await pagedOf(run)).toEqual([{ outcome: 'nobody' }]);
    expect(await codes()).toEqual(['PROOF_FAILED']);
    expect(await setting.at.catalog.outbox.undelivered()).toEqual([]);
  });
});

describe('a proof that cannot tell', () => {
  test('is asked for again after a quarter of an hour, once by two bots', async () => {
    const run = await setting.prove({ verdict: 'ERROR' });
    await setting.serving(later(14), caughtUp);
    expect(await proofs()).toHaveLength(1);
    expect(await pagedOf(run)).toMatchObject([{ outcome: 'again', attempt: 1, of: 2 }]);

    await setting.serving(later(16), async () => {
      await setting.serving(later(16), async () => {
        await waitUntil(async () => (await proofs()).length === 2);
        await caughtUp();
      });
    });

    expect(await proofs()).toMatchObject([
      { state: 'approved', audience: 'slack:C0OPS', asker: { id: 'verify:shop#again-1' } },
      { runId: run.runId },
    ]);
    expect(told()).toEqual([]);
  });

  test('pages as not verified when the last try could not tell either; a PASS takes it back', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'ERROR' }, { ...SCHEDULE, id: 'verify:shop#again-1' });
      await caughtUp();
      expect(told()).toEqual([]);

      await setting.prove({ verdict: 'ERROR' }, { ...SCHEDULE, id: 'verify:shop#again-2' });
      await waitUntil(() => told().length === 1);
      expect(told()).toEqual(['trigger shop/NOT_VERIFIED']);

      await setting.prove({ verdict: 'PASS', store: 'west' });
      await waitUntil(() => told().length === 2);
      expect(api.ringing()).toEqual([]);
    });
  });

  test('wakes nobody for a proof that a person has asked for', async () => {
    await setting.prove({ verdict: 'ERROR' }, TERMINAL);

    await setting.serving(later(16), caughtUp);

    expect(await codes()).toEqual([]);
    expect(await proofs()).toHaveLength(1);
  });
});

describe('a backup of the schedule', () => {
  test('pages when it failed, and the next one that is done takes it back', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.backUp(true, TERMINAL);
      await caughtUp();
      expect(told()).toEqual([]);

      await setting.backUp(true);
      await waitUntil(() => told().length === 1);
      expect(told()).toEqual(['trigger shop/BACKUP_OVERDUE']);

      await setting.backUp(false, TERMINAL);
      await waitUntil(() => told().length === 2);
      expect(api.ringing()).toEqual([]);
    });
  });
});

describe('a finding', () => {
  const at = '2026-11-22T15:00:00.000000Z';

  function finding(severity: 'warn' | 'page', code = 'MIRROR_BEHIND') {
    const words = { summary: 'West is behind', hint: 'Look at `wal`.', since: at };
    return { code, server: 'shop', finding: { code, server: 'shop', severity, ...words }, at };
  }

  test('pages as long as it is one for now, not when it is for this week', async () => {
    const { findings } = setting.at.catalog;
    await findings.open(finding('warn'));

    await setting.serving(setting.depsOf(api.url), async () => {
      await caughtUp();
      await findings.open(finding('page'));
      await waitUntil(() => told().length === 1);
      await findings.open(finding('warn'));
      await waitUntil(() => told().length === 2);
    });

    expect(told()).toEqual(['trigger shop/MIRROR_BEHIND', 'resolve shop/MIRROR_BEHIND']);
  });

  test('of two that tell one thing one is told, until both are over', async () => {
    const { findings } = setting.at.catalog;

    await setting.serving(setting.depsOf(api.url), async () => {
      await findings.open(finding('page', 'NOT_VERIFIED'));
      await findings.open(finding('page', 'PROOF_UNDECIDED'));
      await waitUntil(() => told().length === 1);
      await findings.close('NOT_VERIFIED', 'shop');
      await findings.open(finding('page', 'KEY_MISSING'));
      await waitUntil(() => told().length === 2);
      await findings.close('PROOF_UNDECIDED', 'shop');
      await waitUntil(() => told().length === 3);
    });

    expect(told()).toEqual([
      'trigger shop/NOT_VERIFIED',
      'trigger shop/KEY_MISSING',
      'resolve shop/NOT_VERIFIED',
    ]);
  });
});

describe('a pager that does not take it', () => {
  test('is a finding after a while, and is over when it is taken; both arrive in order', async () => {
    const { catalog } = setting.at;
    api.mood = { kind: 'answers', status: 503 };
    const deps = setting.depsOf(api.url, { undeliveredSeconds: 1 });

    await setting.serving(deps, async () => {
      const run = await setting.prove({ verdict: 'FAIL' });
      await waitUntil(async () => (await codes()).includes('ALERT_UNDELIVERED'));
      await setting.prove({ verdict: 'PASS' });
      await waitUntil(async () => (await catalog.outbox.undelivered()).length === 2);
      expect(told()).toEqual([]);
      expect((await pagedOf(run)).at(-1)).toEqual({ outcome: 'waiting', said: '503, told, No' });

      api.mood = { kind: 'takes' };
      await waitUntil(async () => (await codes()).length === 0);
    });

    expect(told()).toEqual(['trigger shop/PROOF_FAILED', 'resolve shop/PROOF_FAILED']);
    expect(await catalog.outbox.lastAccepted()).toMatchObject({ action: 'resolve' });
  });

  test('that refuses is not asked for ever, is a finding at once, and asked anew by the next start', async () => {
    api.mood = { kind: 'answers', status: 400 };
    const run = await setting.prove({ verdict: 'FAIL' });

    await setting.serving(setting.depsOf(api.url), async () => {
      await waitUntil(async () => (await codes()).includes('ALERT_UNDELIVERED'));
      await waitUntil(async () => (await pagedOf(run)).length === 2);
    });
    expect(api.asked).toBe(1);
    expect((await pagedOf(run)).at(-1)).toEqual({ outcome: 'refused', said: '400, told, No' });

    api.mood = { kind: 'takes' };
    await setting.serving(setting.depsOf(api.url), async () => {
      await waitUntil(async () => !(await codes()).includes('ALERT_UNDELIVERED'));
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
      open: [{ server: 'shop', code: 'PROOF_FAILED', acceptedAt: null }],
      waiting: [{ action: 'trigger', state: 'waiting', attempts: 1, said: '503, told, No' }],
      lastAcceptedAt: null,
      test: null,
    });
  });
});
