import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { lsnBytes, toLsn } from '../../../src/kernel/lsn.ts';
import { type BackupFacts, backupName, type SummaryFacts } from '../../../src/retention/facts.ts';
import { planRetention, walRulesOfStored } from '../../../src/retention/plan.ts';
import {
  backupOf,
  datesFrom,
  endOf,
  factsOf,
  logUntil,
  overlaps,
  removable,
  stored,
  without,
} from '../../support/retention-days.ts';

function ownLog({ beginLsn, endLsn, proofLsn }: SummaryFacts): [from: string, to: string] {
  return [beginLsn, proofLsn ?? endLsn];
}

describe('planRetention(), whatever comes', () => {
  const anyLife = fc.array(
    fc.record({
      verdict: fc.constantFrom('PASS', 'PASS', 'PASS', 'FAIL', 'ERROR', null),
      damaged: fc.boolean(),
      skipped: fc.integer({ min: 0, max: 9 }),
      west: fc.boolean(),
      upgrade: fc.integer({ min: 0, max: 60 }),
      proof: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 80 },
  );
  type Life = typeof anyLife extends fc.Arbitrary<infer T> ? T : never;

  function lifeOf(days: Life): readonly BackupFacts[] {
    const dates = datesFrom('2026-01-01', days.length);
    let system = 1;
    return days.flatMap(({ verdict, damaged, skipped, west, upgrade, proof }, number) => {
      if (upgrade === 60) system += 1;
      if (skipped === 9) return [];
      const damagedFiles = damaged && number % 5 === 0 ? ['base/1/2'] : [];
      const stores = west ? ['here', 'west'] : ['here'];
      const date = dates[number] ?? '';
      const own = { verdict, damagedFiles, stores, systemId: `${system}`, proofSegments: proof };
      return [backupOf({ date, number, ...own })];
    });
  }

  test('twice is once: what is left after a removal all stays', () => {
    fc.assert(
      fc.property(anyLife, (days) => {
        const facts = factsOf(lifeOf(days));
        const plan = planRetention(facts);
        const again = planRetention({ ...facts, backups: without(facts.backups, plan.remove) });
        expect(again.remove).toEqual([]);
        const log = logUntil(days.length);
        expect(removable(again.wal, stored(plan.wal, log))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('the last verified backup stays, in every store, and so does everything newer', () => {
    fc.assert(
      fc.property(anyLife, (days) => {
        const facts = factsOf(lifeOf(days));
        const plan = planRetention(facts);
        const proved = [...plan.keep, ...plan.remove]
          .filter(({ state }) => state === 'proved')
          .toSorted((a, b) => ((a.beganAt ?? '') < (b.beganAt ?? '') ? -1 : 1));
        const removed = plan.remove.map(({ backupId }) => backupId);
        for (const store of ['here', 'west'])
          expect(removed).not.toContain(
            proved.findLast(({ stores }) => stores.includes(store))?.backupId,
          );
        const newest = proved.at(-1)?.backupId ?? '';
        expect(removed.filter((id) => id >= newest)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('the log that stays makes every stored backup consistent, reaches its proof point, and serves the whole window', () => {
    fc.assert(
      fc.property(anyLife, (days) => {
        const facts = factsOf(lifeOf(days));
        const plan = planRetention(facts);
        const left = without(facts.backups, plan.remove);
        const log = logUntil(days.length);
        for (const { summary } of left) {
          const rule = plan.wal.filter(({ systemId }) => systemId === summary.systemId);
          const own = log.filter((piece) => overlaps(piece, ...ownLog(summary)));
          expect(removable(rule, own)).toEqual([]);
        }
        const current = facts.backups.at(-1)?.summary.systemId;
        const from = Temporal.Instant.from(plan.windowFrom ?? plan.countedFrom);
        const bases = left.filter(
          ({ summary, copies }) =>
            summary.systemId === current &&
            summary.damagedFiles.length === 0 &&
            copies.every(({ verdict }) => verdict !== 'FAIL') &&
            Temporal.Instant.compare(Temporal.Instant.from(summary.endedAt), from) >= 0,
        );
        for (const { summary } of bases) {
          const own = log.filter((piece) => endOf(piece) > lsnBytes(toLsn(summary.beginLsn)));
          expect(
            removable(
              plan.wal.filter(({ systemId }) => systemId === current),
              own,
            ),
          ).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('adding damaged backups, of whatever cluster, never removes more backups or log', () => {
    const anyDamage = fc.array(
      fc.record({
        day: fc.integer({ min: 0, max: 120 }),
        system: fc.integer({ min: 1, max: 4 }),
        isFailed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    );
    const anyUnreadable = fc.option(fc.integer({ min: 0, max: 79 }));
    fc.assert(
      fc.property(anyLife, anyDamage, anyUnreadable, (days, damage, unreadableDay) => {
        const dates = datesFrom('2026-01-01', 121);
        const now = Temporal.Instant.from('2026-05-03T00:00:00Z');
        const unreadable = (unreadableDay === null ? [] : [unreadableDay]).map((number) => ({
          ...backupOf({ date: dates[number] ?? '', number, systemId: '1', hour: 4 }).summary,
          store: 'here',
          reason: 'it does not decrypt',
        }));
        const whole = lifeOf(days);
        // As earlier removals left it.
        const life = without(whole, planRetention(factsOf(whole)).remove);
        const taken = new Set<string>();
        const damaged = damage.flatMap(({ day: number, system, isFailed }) => {
          if (taken.has(`${system} ${number}`)) return [];
          taken.add(`${system} ${number}`);
          const [verdict, damagedFiles] = isFailed ? ['FAIL', []] : [null, ['base/1/2']];
          const own = { systemId: `${system}`, verdict, damagedFiles, hour: 3 };
          return [backupOf({ date: dates[number] ?? '', number, ...own })];
        });

        const plan = planRetention(factsOf(life, { now, unreadable }));
        const more = planRetention(factsOf([...life, ...damaged], { now, unreadable }));

        const own = new Set(life.map(({ summary }) => backupName(summary)));
        const gone = new Set(plan.remove.map(backupName));
        const goneNow = more.remove.map(backupName).filter((name) => own.has(name));
        expect(goneNow.filter((name) => !gone.has(name))).toEqual([]);
        for (const rule of plan.wal) {
          const same = more.wal.filter(({ systemId }) => systemId === rule.systemId);
          const kept = stored([rule], logUntil(130));
          expect(removable(same, kept)).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('the log of a removal that failed half way still serves everything that is stored', () => {
    fc.assert(
      fc.property(anyLife, fc.nat(), (days, cut) => {
        const facts = factsOf(lifeOf(days));
        const plan = planRetention(facts);
        const done = plan.remove.slice(0, cut % (plan.remove.length + 1));
        const left = { ...facts, backups: without(facts.backups, done) };
        const rules = walRulesOfStored(left);
        for (const { summary } of left.backups) {
          const own = logUntil(days.length).filter((piece) => overlaps(piece, ...ownLog(summary)));
          expect(
            removable(
              rules.filter(({ systemId }) => systemId === summary.systemId),
              own,
            ),
          ).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
