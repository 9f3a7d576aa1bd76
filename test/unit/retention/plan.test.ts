import { describe, expect, test } from 'vitest';

import { lsnBytes, toLsn } from '../../../src/kernel/lsn.ts';
import type { BackupFacts, RetentionFacts } from '../../../src/retention/facts.ts';
import type { Hold } from '../../../src/retention/hold.ts';
import { planRetention } from '../../../src/retention/plan.ts';
import {
  backupOf,
  datesFrom,
  endOf,
  factsOf,
  logUntil,
  RULES,
  removable,
  SEGMENT_BYTES,
  stored,
  without,
} from '../../support/retention-days.ts';

const DATES = datesFrom('2026-10-01', 60);

function month(change: (number: number) => Partial<Parameters<typeof backupOf>[0]> = () => ({})) {
  return DATES.map((date, number) =>
    backupOf({ date, number, verdict: 'PASS', ...change(number) }),
  );
}

function idOf(date: string): string {
  return `${date.replaceAll('-', '')}T020000Z`;
}

function reasonsFor(facts: RetentionFacts, backupId: string): readonly string[] {
  return planRetention(facts).keep.find((one) => one.backupId === backupId)?.reasons ?? [];
}

function keptIds(facts: RetentionFacts): readonly string[] {
  return planRetention(facts).keep.map(({ backupId }) => backupId);
}

function holdOf(backup: BackupFacts, change: Partial<Hold> = {}): Hold {
  const { backupId, systemId, major } = backup.summary;
  return {
    holdId: '20261124T120000Z-3fa9c1',
    backupId,
    systemId,
    major,
    reason: 'incident 42',
    until: null,
    placedAt: '2026-10-02T12:00:00.000000Z',
    by: 'ana',
    ...change,
  };
}

function upgraded(number: number, days: number): { readonly systemId?: string } {
  return number >= 60 - days ? { systemId: '99' } : {};
}

function last({ backups }: RetentionFacts): string {
  return backups.findLast(({ summary }) => summary.systemId === '7341')?.summary.backupId ?? '';
}

/** With other verdicts, by store, for one of the backups. */
function replaced(
  backups: readonly BackupFacts[],
  number: number,
  verdicts: { readonly [store: string]: string },
  verifiedAt: string | null = null,
): readonly BackupFacts[] {
  return backups.map((backup, index) => ({
    ...backup,
    copies: backup.copies.map((copy) => {
      const verdict = index === number ? verdicts[copy.store] : undefined;
      return verdict === undefined ? copy : { ...copy, verdict, verifiedAt };
    }),
  }));
}

describe('planRetention()', () => {
  test('tells every reason of a kept backup, and of each that goes what stands in its stead', () => {
    const backups = month();
    const plan = planRetention(factsOf(backups));

    expect(plan.keep[0]).toMatchObject({
      backupId: idOf('2026-11-29'),
      state: 'proved',
      tiers: ['daily', 'weekly', 'monthly'],
      reasons: ['daily 2026-11-29', 'weekly 2026-W48', 'monthly 2026-11', 'last verified'],
    });
    expect(plan.keep.map(({ backupId, reasons }) => [backupId, reasons])).toContainEqual([
      idOf('2026-11-22'),
      ['weekly 2026-W47', 'base of the point-in-time window from 2026-11-22 02:10:00 UTC'],
    ]);
    expect(plan.keep.filter(({ tiers }) => tiers.includes('daily'))).toHaveLength(7);
    expect(plan.remove.find(({ backupId }) => backupId === idOf('2026-11-21'))?.why).toBe(
      'no rule keeps it: 7 daily from 2026-11-23, 4 weekly from 2026-W45, 12 monthly from 2026-10',
    );
    expect(plan.windowFrom).toBe('2026-11-22T02:10:00.000000Z');
  });

  test('keeps per period the newest that is proved, else the newest, and never counts a damaged one', () => {
    const [monday, tuesday, wednesday] = DATES.slice(-3);
    if (monday === undefined || tuesday === undefined || wednesday === undefined) throw new Error();
    const facts = factsOf([
      backupOf({ date: monday, number: 1, hour: 2, verdict: 'PASS' }),
      backupOf({ date: monday, number: 1, hour: 14 }),
      backupOf({ date: tuesday, number: 2, hour: 2 }),
      backupOf({ date: tuesday, number: 2, hour: 14 }),
      backupOf({ date: tuesday, number: 2, hour: 20, damagedFiles: ['base/1/2'] }),
      backupOf({ date: wednesday, number: 3, verdict: 'PASS' }),
    ]);

    const plan = planRetention(facts);

    const daily = plan.keep.filter(({ tiers }) => tiers.includes('daily'));
    expect(daily.map(({ backupId }) => backupId.slice(6, 11))).toEqual(['29T02', '28T14', '27T02']);
    expect(plan.remove.map(({ backupId, why }) => [backupId.slice(6, 11), why])).toEqual([
      ['28T02', `20261128T140000Z stands for its day`],
      ['27T14', `20261127T020000Z stands for its day`],
    ]);
    expect(reasonsFor(facts, '20261128T200000Z')).toEqual([
      'damaged: evidence until 2026-12-12 20:10:00 UTC',
    ]);
  });

  test('never removes what is newer than the newest verified one', () => {
    const backups = month((number) => (number > 20 ? { verdict: null } : {}));
    const facts = factsOf(backups);

    const newer = backups.slice(21).map(({ summary }) => summary.backupId);
    expect(keptIds(facts)).toEqual(expect.arrayContaining(newer));
    expect(reasonsFor(facts, idOf('2026-10-21'))).toContain('last verified');
    expect(reasonsFor(facts, idOf('2026-11-02'))).toContain('newer than the newest verified');
  });

  test('removes nothing, neither backups nor log, while none is proved, and says so', () => {
    const facts = factsOf(month(() => ({ verdict: null })));
    const plan = planRetention(facts);

    expect(plan.remove).toEqual([]);
    expect(plan.blocked).toEqual(['no backup of shop is proved']);
    expect(removable(plan.wal, logUntil(59))).toEqual([]);
  });

  test('removes nothing, neither backups nor log, when a store or its holds could not be read', () => {
    const plan = planRetention(factsOf(month(), { trouble: ['store "west" does not answer'] }));

    expect(plan.remove).toEqual([]);
    expect(plan.blocked).toEqual(['store "west" does not answer']);
    expect(removable(plan.wal, logUntil(59))).toEqual([]);
  });

  test('keeps what is held, until its time or until it is released', () => {
    const backups = month();
    const old = backups[5];
    if (old === undefined) throw new Error();
    const { backupId } = old.summary;
    const until = '2026-12-31T00:00:00.000000Z';
    const over = '2026-11-01T00:00:00.000000Z';

    expect(reasonsFor(factsOf(backups, { holds: [holdOf(old)] }), backupId)).toEqual([
      'held: incident 42 until it is released',
    ]);
    expect(reasonsFor(factsOf(backups, { holds: [holdOf(old, { until })] }), backupId)).toEqual([
      'held: incident 42 until 2026-12-31 00:00:00 UTC',
    ]);
    expect(keptIds(factsOf(backups, { holds: [holdOf(old, { until: over })] }))).not.toContain(
      backupId,
    );
  });

  test('keeps what a run reads, and the log it replays', () => {
    const backups = month();
    const old = backups[5];
    if (old === undefined) throw new Error();
    const { backupId, systemId, timeline, beginLsn } = old.summary;
    const reader = { runId: 'r-1', operation: 'restore', backupId, systemId, timeline };
    const facts = factsOf(backups, { readers: [{ ...reader, fromLsn: beginLsn }] });

    expect(reasonsFor(facts, backupId)).toEqual(['read by run r-1 (restore)']);
    const needed = logUntil(59).filter((piece) => endOf(piece) > lsnBytes(toLsn(beginLsn)));
    expect(removable(planRetention(facts).wal, needed)).toEqual([]);
  });

  test('keeps what is locked and says until when and where', () => {
    const backups = month();
    const locked = backups.map((one, index) =>
      index === 5
        ? {
            ...one,
            copies: one.copies.map((copy) => ({ ...copy, lockedUntil: '2027-01-01T00:00:00Z' })),
          }
        : one,
    );

    expect(reasonsFor(factsOf(locked), idOf(DATES[5] ?? ''))).toEqual([
      'locked until 2027-01-01 00:00:00 UTC in here',
    ]);
  });

  test('keeps what cannot be read, and the log between its neighbours', () => {
    const backups = month();
    const lost = backups[5]?.summary;
    if (lost === undefined) throw new Error();
    const facts = factsOf(
      backups.filter(({ summary }) => summary !== lost),
      { unreadable: [{ ...lost, store: 'here', reason: 'it does not decrypt' }] },
    );

    expect(reasonsFor(facts, lost.backupId)).toEqual(['could not be judged: it does not decrypt']);
    const own = logUntil(59).filter((piece) => endOf(piece) > lsnBytes(toLsn(lost.beginLsn)));
    expect(removable(planRetention(facts).wal, own.slice(0, 2))).toEqual([]);
  });

  test('keeps a damaged backup as evidence, never instead of a good one, and lets it go after a newer proof', () => {
    const backups = month((number) => (number === 59 ? { damagedFiles: ['base/1/2'] } : {}));
    const young = month((number) => (number === 50 ? { verdict: 'FAIL' } : {}));
    const old = month((number) => (number === 30 ? { verdict: 'FAIL' } : {}));

    expect(reasonsFor(factsOf(backups), idOf('2026-11-29'))).toEqual([
      'damaged: evidence until a newer one is verified',
    ]);
    expect(
      planRetention(factsOf(backups)).keep.filter(({ tiers }) => tiers.includes('daily')),
    ).toHaveLength(7);
    expect(reasonsFor(factsOf(young), idOf(DATES[50] ?? ''))).toEqual([
      'damaged: evidence until 2026-12-04 04:00:00 UTC',
    ]);
    expect(planRetention(factsOf(old)).remove.find(({ state }) => state === 'damaged')?.why).toBe(
      'damaged, and evidence for 14 days is enough',
    );
  });

  test('a store that lags behind keeps the last verified copy it has', () => {
    const backups = month((number) => ({ stores: number < 20 ? ['here', 'west'] : ['here'] }));

    expect(reasonsFor(factsOf(backups), idOf(DATES[19] ?? ''))).toContain('last verified in west');
  });

  test('a copy that is known to be bad is not the last verified one of its store', () => {
    const backups = month((number) => ({ stores: number < 21 ? ['here', 'west'] : ['here'] }));
    const facts = factsOf(replaced(backups, 20, { west: 'FAIL' }));

    expect(reasonsFor(facts, idOf(DATES[19] ?? ''))).toContain('last verified in west');
    expect(reasonsFor(facts, idOf(DATES[20] ?? ''))).not.toContain('last verified in west');
  });

  test('an old backup whose damage was found today is evidence from today on', () => {
    const backups = month();
    const facts = factsOf(replaced(backups, 30, { here: 'FAIL' }, '2026-11-29T02:00:00.000000Z'));

    expect(reasonsFor(facts, idOf(DATES[30] ?? ''))).toEqual([
      'damaged: evidence until 2026-12-13 02:00:00 UTC',
    ]);
  });

  test('a bad copy in one store is no reason to remove the one in another that nobody has proved', () => {
    const backups = month((number) => ({
      stores: ['here', 'west'],
      verdict: number === 30 ? null : 'PASS',
    }));
    const facts = factsOf(replaced(backups, 30, { west: 'FAIL' }));
    const both = factsOf(replaced(backups, 30, { west: 'FAIL', here: 'FAIL' }));

    expect(reasonsFor(facts, idOf(DATES[30] ?? ''))).toEqual([
      'damaged elsewhere: its copy in here may be good',
    ]);
    expect(planRetention(both).remove.map(({ backupId }) => backupId)).toContain(
      idOf(DATES[30] ?? ''),
    );
  });

  test('after pg_upgrade the old cluster ages by the same tiers, and its last verified backup stays until the new one can serve the whole window', () => {
    const young = factsOf(month((number) => upgraded(number, 5)));
    const old = factsOf(month((number) => upgraded(number, 12)));

    expect(reasonsFor(young, last(young))).toContain('last verified of the cluster 15-7341');
    expect(reasonsFor(young, last(young))).not.toContain('last verified');
    expect(reasonsFor(old, last(old)).filter((why) => why.startsWith('last'))).toEqual([]);
    expect(planRetention(old).keep.filter(({ tiers }) => tiers.includes('daily'))).toHaveLength(7);
    const rule = planRetention(old).wal.find(({ systemId }) => systemId === '7341');
    expect(rule?.from).toEqual([]);
    expect(planRetention(young).wal.find(({ systemId }) => systemId === '7341')?.from).toHaveLength(
      1,
    );
  });

  test('days are the calendar days of the zone, also when the clocks change', () => {
    const zone = 'Europe/Berlin';
    // In Berlin the 25th of October 2026 has 25 hours: 00:30 and 23:30 are the same day there.
    const backups = [
      backupOf({ date: '2026-10-24', zone, number: 0, verdict: 'PASS' }),
      backupOf({ date: '2026-10-25', zone, number: 1, hour: 0, verdict: 'PASS' }),
      backupOf({ date: '2026-10-25', zone, number: 2, hour: 23, verdict: 'PASS' }),
      backupOf({ date: '2026-10-26', zone, number: 3, hour: 0, verdict: 'PASS' }),
    ];

    const plan = planRetention(factsOf(backups, { zone, rules: { ...RULES, pitr: 'PT1H' } }));

    expect(plan.keep.map(({ tiers, reasons }) => [tiers[0], reasons[0]])).toEqual([
      ['daily', 'daily 2026-10-26'],
      ['daily', 'daily 2026-10-25'],
      ['daily', 'daily 2026-10-24'],
    ]);
    expect(plan.remove.map(({ backupId }) => backupId)).toEqual(['20261024T220000Z']);
  });

  test('a clock that runs a year ahead, and backups that stopped, remove nothing more', () => {
    const backups = month();
    const today = factsOf(backups);
    const kept = without(backups, planRetention(today).remove);
    const ahead = factsOf(kept, { now: today.now.add({ hours: 24 * 365 }) });

    expect(planRetention(ahead).remove).toEqual([]);
    expect(
      removable(planRetention(ahead).wal, stored(planRetention(today).wal, logUntil(59))),
    ).toEqual([]);
  });

  test('a timeline that was born later keeps all its log: it may have begun in the past', () => {
    const rule = planRetention(factsOf(month())).wal;
    const born = logUntil(1, 2);

    expect(removable(rule, born)).toEqual([]);
    expect(removable(rule, [{ kind: 'history' }])).toEqual([]);
    expect(removable(rule, logUntil(1)).length).toBeGreaterThan(0);
  });
});

test('a segment is the size that the backups say', () => {
  expect(planRetention(factsOf(month())).wal[0]?.segmentBytes).toBe(SEGMENT_BYTES);
});
