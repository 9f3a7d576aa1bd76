/** Damaged backups count for nothing: neither the window nor anybody's log depends on them. */
import { describe, expect, test } from 'vitest';

import { planRetention } from '../../../src/retention/plan.ts';
import { backupOf, datesFrom, factsOf } from '../../support/retention-days.ts';

describe('planRetention()', () => {
  test('damaged backups that follow each other count for nothing: the window and its log stay', () => {
    const dates = datesFrom('2026-10-01', 41);
    const life = dates.map((date, number) => {
      const isGood = number < 20;
      const damagedFiles = isGood ? [] : ['base/1/2'];
      return backupOf({ date, number, verdict: isGood ? 'PASS' : null, damagedFiles });
    });
    const now = Temporal.Instant.from('2026-11-10T02:11:00Z');

    const stopped = planRetention(factsOf(life.slice(0, 20), { now }));
    const damaged = planRetention(factsOf(life, { now }));

    expect(damaged.windowFrom).toBe(stopped.windowFrom);
    expect(damaged.windowFrom).toContain('2026-10-13');
    expect(damaged.wal[0]?.from).toEqual(stopped.wal[0]?.from);
  });

  test('a damaged backup does not end the cluster before its own', () => {
    const days = [
      { date: '2026-11-01', number: 0, verdict: 'PASS' },
      { date: '2026-11-20', number: 19, verdict: 'PASS', systemId: '8000' },
    ];
    const damaged = { date: '2026-11-03', number: 2, systemId: '8000', damagedFiles: ['base/1/2'] };

    const [before, after] = [days, [...days, damaged]].map((each) =>
      planRetention(
        factsOf(each.map(backupOf), { now: Temporal.Instant.from('2026-11-21T00:00:00Z') }),
      ),
    );

    expect(before?.wal[0]?.from).toHaveLength(1);
    expect(after?.wal[0]?.from).toEqual(before?.wal[0]?.from);
  });

  test('what an unreadable backup may need is bounded by good ones', () => {
    const days = [
      { date: '2026-11-01', number: 0, verdict: 'PASS' },
      { date: '2026-11-24', number: 23, verdict: 'PASS' },
    ];
    const damaged = { date: '2026-11-10', number: 9, damagedFiles: ['base/1/2'] };
    const { summary } = backupOf({ date: '2026-11-15', number: 14 });
    const unreadable = [{ ...summary, store: 'here', reason: 'it does not decrypt' }];

    const { wal } = planRetention(factsOf([...days, damaged].map(backupOf), { unreadable }));

    const why = `backup ${summary.backupId} cannot be read and may need it`;
    expect(wal[0]?.ranges.find((range) => range.why === why)?.fromLsn).toBe('0/1000028');
  });
});
