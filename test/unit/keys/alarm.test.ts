/** The check of keys that does not come to its end: told the same day, and a page after three days. */
import { describe, expect, test } from 'vitest';

import type { BackupRecord } from '../../../src/catalog/records.ts';
import type { RunRecord } from '../../../src/catalog/runs.ts';
import { backupIdAt, isServerName } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { judgeChecks, keysAlarm } from '../../../src/keys/alarm.ts';
import { keepFindings } from '../../../src/keys/kept-findings.ts';
import { readCron } from '../../../src/schedule/cron-timer.ts';
import { lastDue } from '../../../src/schedule/due.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { keptFindings, UNTOLD } from '../../support/kept-findings.ts';
import { runRecord } from '../../support/run-record.ts';

const FIRST_BACKUP = '2026-11-01T01:00:00.000000Z';

function check(day: number, change: Partial<RunRecord> = {}): RunRecord {
  const endedAt = `2026-11-${String(day).padStart(2, '0')}T05:31:00.000000Z`;
  const plan = { action: 'check' };
  const result = { action: 'check', verdict: 'PASS' };
  return runRecord('done', { operation: 'keys', server: null, plan, result, endedAt, ...change });
}

function failed(day: number, message = 'It took longer than 1 h'): RunRecord {
  return check(day, { state: 'failed', result: null, problem: { message, hint: 'Look.' } });
}

function every(cron: string): (now: Temporal.Instant) => Temporal.Instant | undefined {
  return (now) => lastDue(readCron('keys', cron), 'UTC', now);
}

const DAILY = every('30 5 * * *');

function judged(now: string, runs: readonly RunRecord[], dueAt = DAILY) {
  const firstBackupAt = FIRST_BACKUP;
  const at = Temporal.Instant.from(now);
  return judgeChecks({ server: 'shop', runs, firstBackupAt, now: at, dueAt });
}

describe('judgeChecks()', () => {
  test('says nothing while a check has ended since the last one was due, whatever it said', () => {
    const unsure = { action: 'check', verdict: 'ERROR' };

    expect(judged('2026-11-22T12:00:00Z', [check(22, { result: unsure })])).toBeUndefined();
    // It may still be at work.
    expect(judged('2026-11-22T07:00:00Z', [check(21)])).toBeUndefined();
  });

  test('warns the same day when a check did not end, with what kept it', () => {
    const finding = judged('2026-11-22T12:00:00Z', [failed(22), check(21)]);

    expect(finding).toMatchObject({ code: 'KEYS_NOT_CHECKED', severity: 'warn', server: 'shop' });
    expect(finding?.summary).toMatch(/at 2026-11-21 05:31.*It took longer than 1 h/);
  });

  test('pages after three days, also where nobody has even tried', () => {
    const runs = [failed(22), failed(21), failed(20), check(19)];

    expect(judged('2026-11-22T12:00:00Z', runs)?.severity).toBe('warn');
    expect(judged('2026-11-23T12:00:00Z', runs)?.severity).toBe('page');
    expect(judged('2026-11-23T12:00:00Z', [check(19)])?.severity).toBe('page');
  });

  test('lets the check that is due come to its end before it pages', () => {
    const runs = [failed(22), failed(21), failed(20), check(19)];

    expect(judged('2026-11-23T05:30:00Z', runs)?.severity).toBe('warn');
    expect(judged('2026-11-23T07:29:59Z', runs)?.severity).toBe('warn');
    expect(judged('2026-11-23T07:30:00Z', runs)?.severity).toBe('page');
  });

  test('says what was looked at where there may have been more', () => {
    const runs = Array.from({ length: 200 }, () => failed(22));

    expect(judged('2026-11-22T12:00:00Z', runs)?.summary).toMatch(
      /^Among the 200 newest runs of `keys` is no check/,
    );
  });

  test('waits as long as a rarer schedule does', () => {
    const weekly = every('30 5 * * 0');

    // A Saturday, and the Sunday's check was made.
    expect(judged('2026-11-21T12:00:00Z', [check(15)], weekly)).toBeUndefined();
    expect(judged('2026-11-23T12:00:00Z', [check(15)], weekly)?.severity).toBe('warn');
    expect(judged('2026-11-25T12:00:00Z', [check(15)], weekly)?.severity).toBe('page');
  });

  test('takes no rotation for a check', () => {
    const rotated = check(22, { plan: { action: 'rotate' }, result: { action: 'rotate' } });

    expect(judged('2026-11-22T12:00:00Z', [rotated, check(21)])?.severity).toBe('warn');
  });

  test('gives a first backup as long to be checked in, and needs one', () => {
    const asked = { server: 'shop', runs: [], now: Temporal.Instant.from('2026-11-22T12:00:00Z') };

    expect(judgeChecks({ ...asked, firstBackupAt: undefined, dueAt: DAILY })).toBeUndefined();
    const young = '2026-11-22T05:40:00.000000Z';
    expect(judgeChecks({ ...asked, firstBackupAt: young, dueAt: DAILY })).toBeUndefined();
    const old = judgeChecks({ ...asked, firstBackupAt: FIRST_BACKUP, dueAt: DAILY });
    expect(old?.severity).toBe('page');
    expect(old?.summary).toMatch(/has ever come to its end/);
  });
});

async function alarm(living: { runs: readonly RunRecord[] }) {
  const clock = fakeClock();
  const findings = keptFindings();
  const stop = new AbortController();
  const backup: BackupRecord = {
    server: 'shop',
    backupId: backupIdAt(Temporal.Instant.from(FIRST_BACKUP)),
    store: 'here',
    summary: { endedAt: FIRST_BACKUP },
    verdict: null,
    verifiedAt: null,
    verifyRunId: null,
  };
  const service = keysAlarm({
    servers: ['shop'].filter(isServerName),
    clock,
    log: silentLog,
    checkDueAt: DAILY,
    catalog: {
      findings,
      runs: { list: async () => living.runs },
      backups: { list: async () => [backup] },
    },
  });
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  await clock.untilAsleep(1);
  return {
    clock,
    findings,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

describe('keysAlarm()', () => {
  test('opens what it noticed, and closes it once a check has ended', async () => {
    const living = { runs: [failed(22), check(21)] };
    await using bot = await alarm(living);
    expect(bot.findings.told).toEqual(['KEYS_NOT_CHECKED warn']);

    living.runs = [check(22), ...living.runs];
    await bot.clock.advance(60_000);

    expect(bot.findings.told).toEqual([]);
  });

  test('makes a page of what the checks could not tell for three days', async () => {
    const living = { runs: [check(22)] };
    await using bot = await alarm(living);
    await keepFindings(bot.findings, { issues: [UNTOLD], server: 'shop', now: bot.clock.now() });
    living.runs = [25, 24, 23, 22].map((day) => check(day));

    // The check of the third day may still be at work.
    bot.clock.jumpTo('2026-11-25T16:40:00Z');
    await bot.clock.advance(60_000);
    expect(bot.findings.told).toEqual(['KEY_UNPROVED warn']);
    bot.clock.jumpTo('2026-11-25T16:50:00Z');
    await bot.clock.advance(60_000);
    expect(bot.findings.told).toEqual(['KEY_UNPROVED page']);
  });
});
