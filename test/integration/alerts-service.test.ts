/** From the end of a run to whoever is woken: real gate, catalogue and HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { AlertsDeps } from '../../src/alerts/deps.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { probeService } from '../../src/monitoring/probe-service.ts';
import {
  type AlertsSetting,
  alertsSetting,
  BACKUP,
  NEXT_BACKUP,
  SCHEDULE,
  toldTo,
} from '../support/alerts-setting.ts';
import { type EventsApi, startEventsApi } from '../support/events-api.ts';
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

/** As if so much time had passed. */
function later(minutes: number): AlertsDeps {
  const clock = { ...systemClock, now: () => systemClock.now().add({ minutes }) };
  return setting.depsOf(api.url, { clock });
}

async function proofs(): Promise<readonly RunRecord[]> {
  return setting.at.catalog.runs.list({ operation: 'verify', limit: 99 });
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
      await waitUntil(async () => (await setting.pagedOf(run)).length === 2);
      expect(await setting.pagedOf(run)).toMatchObject([
        { outcome: 'waiting' },
        { outcome: 'accepted', by: 'PagerDuty' },
      ]);

      await setting.prove({ verdict: 'SKIPPED' });
      await setting.prove({ verdict: 'PASS', store: 'west', backupId: NEXT_BACKUP });
      await setting.caughtUp();
      expect(told()).toHaveLength(1);

      await setting.prove({ verdict: 'PASS', backupId: NEXT_BACKUP });
      await waitUntil(() => told().length === 2);
      expect(told()[1]).toBe('resolve shop/PROOF_FAILED');
      expect(api.ringing()).toEqual([]);
    });
  });

  test('is one page however often it fails, and each run hears of it', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      const first = await setting.prove({ verdict: 'FAIL' });
      await waitUntil(async () => (await setting.pagedOf(first)).length === 2);
      const second = await setting.prove({ verdict: 'FAIL', store: 'west' });
      await waitUntil(async () => (await setting.pagedOf(second)).length === 2);

      expect((await setting.pagedOf(second)).at(-1)).toMatchObject({ outcome: 'accepted' });
      expect(await setting.pagedOf(first)).toHaveLength(2);
      // One store is well again, the other is not.
      await setting.prove({ verdict: 'PASS' });
      await setting.caughtUp();
      expect(told()).toEqual(['trigger shop/PROOF_FAILED', 'trigger shop/PROOF_FAILED']);
      expect(api.ringing()).toHaveLength(1);
    });
  });

  test('rings again when somebody has resolved it by hand, with the next FAIL or after a quiet time', async () => {
    const { outbox } = setting.at.catalog;
    async function quiet(): Promise<boolean> {
      return (await outbox.undelivered()).length === 0;
    }
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(async () => told().length === 1 && (await quiet()));
      api.resolveByHand();
      await setting.caughtUp();
      expect(api.ringing()).toEqual([]);

      await setting.prove({ verdict: 'FAIL' });
      await waitUntil(async () => api.ringing().length === 1 && (await quiet()));
      api.resolveByHand();
    });

    await setting.serving(later(239), () => setting.caughtUp());
    expect(api.ringing()).toEqual([]);
    await setting.serving(later(241), async () => {
      await waitUntil(async () => api.ringing().length === 1 && (await quiet()));
      await setting.prove({ verdict: 'PASS' });
      await waitUntil(() => api.ringing().length === 0);
    });
    expect(told()).toEqual([
      ...Array.from({ length: 3 }, () => 'trigger shop/PROOF_FAILED'),
      'resolve shop/PROOF_FAILED',
    ]);
    expect(api.incidents).toBe(3);
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

    await setting.serving(setting.depsOf(api.url), () => setting.caughtUp());

    expect(told()).toEqual([]);
    expect(await setting.pagedOf(failed)).toEqual([{ outcome: 'over' }]);
  });

  test('says that nobody is paged where no pager is configured', async () => {
    const run = await setting.prove({ verdict: 'FAIL' });

    await setting.serving(setting.depsOf(undefined), () => setting.caughtUp());

    expect(await setting.pagedOf(run)).toEqual([{ outcome: 'nobody' }]);
    expect(await setting.codes()).toEqual(['PROOF_FAILED']);
    expect(await setting.at.catalog.outbox.undelivered()).toEqual([]);
  });
});

describe('a proof that cannot tell', () => {
  test('is asked for again after a quarter of an hour, once by two bots', async () => {
    const run = await setting.prove({ verdict: 'ERROR' });
    await setting.serving(later(14), () => setting.caughtUp());
    expect(await proofs()).toHaveLength(1);
    expect(await setting.pagedOf(run)).toMatchObject([{ outcome: 'again', attempt: 1, of: 2 }]);

    await setting.serving(later(16), async () => {
      await setting.serving(later(16), async () => {
        await waitUntil(async () => (await proofs()).length === 2);
        await setting.caughtUp();
      });
    });

    expect(await proofs()).toMatchObject([
      { state: 'approved', audience: 'slack:C0OPS', asker: { id: 'verify:shop#again-1' } },
      { runId: run.runId },
    ]);
    expect(told()).toEqual([]);
  });

  test('pages as not verified when the bot was down for so long that no try is worth it', async () => {
    await setting.prove({ verdict: 'ERROR' });
    const { catalog } = setting.at;
    let writes = 0;
    let looks = 0;
    const findings = {
      ...catalog.findings,
      async open(row: Parameters<typeof catalog.findings.open>[0]) {
        writes += 1;
        return catalog.findings.open(row);
      },
    };

    const outbox = {
      ...catalog.outbox,
      async open() {
        looks += 1;
        return catalog.outbox.open();
      },
    };

    async function isTaken(): Promise<boolean> {
      const [row] = await catalog.outbox.open();
      return row?.state === 'accepted';
    }

    for (const [turn, minutes] of [361, 362].entries()) {
      const deps = { ...later(minutes), catalog: { ...catalog, findings, outbox } };
      await setting.serving(deps, async () => {
        // A bot that stops before it has noted the answer tells again.
        await waitUntil(async () => looks > turn && (await isTaken()));
      });
      looks = turn + 1;
    }

    expect(told()).toEqual(['trigger shop/NOT_VERIFIED']);
    expect(await setting.codes()).toEqual(['PROOF_UNDECIDED']);
    expect(await proofs()).toHaveLength(1);
    expect(writes).toBe(1);
  });

  test('pages as not verified when the last try could not tell either; a PASS takes it back', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'ERROR' }, { ...SCHEDULE, id: 'verify:shop#again-1' });
      await setting.caughtUp();
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

    await setting.serving(later(16), () => setting.caughtUp());

    expect(await setting.codes()).toEqual([]);
    expect(await proofs()).toHaveLength(1);
  });
});

describe('hours without a PASS', () => {
  test('page at 26, whatever else was said, and the next PASS takes it back', async () => {
    const { catalog } = setting.at;
    const endedAt = utcText(systemClock.now().subtract({ hours: 27 }));
    const row = { server: 'shop', backupId: BACKUP, store: 'here', summary: { endedAt } };
    await catalog.backups.record(row);
    await setting.prove({ verdict: 'SKIPPED' });
    const stop = new AbortController();
    const objectives = { rpoSeconds: 300, rtoSeconds: 1800, alarmHours: 26 };
    const [shop] = setting.depsOf(undefined).servers;
    if (shop === undefined) throw new Error('There is a server');
    const watched = { name: shop.name, url: 'postgres://127.0.0.1:1/shop', stores: ['here'] };
    const probing = probeService({
      servers: [{ ...watched, ...objectives }],
      catalog,
      // A minute is no longer than it has to be.
      clock: { ...systemClock, sleep: async (_ms, options) => systemClock.sleep(50, options) },
      log: silentLog,
    }).run({ signal: stop.signal, ready: () => undefined });

    // It stands for longer than from one look to the next.
    await setting.serving(later(2), async () => {
      await waitUntil(() => told().length === 1);
      await setting.prove({ verdict: 'PASS' });
      await waitUntil(() => told().length === 2);
    });
    stop.abort();
    await probing;

    expect(told()).toEqual(['trigger shop/NOT_VERIFIED', 'resolve shop/NOT_VERIFIED']);
  });
});

describe('a backup of the schedule', () => {
  test('pages when it failed, and the next one that is done takes it back', async () => {
    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.backUp(true, TERMINAL);
      await setting.caughtUp();
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
      await setting.caughtUp();
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
