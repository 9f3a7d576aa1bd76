/**
 * Three years of a server, day by day: a backup at 02:00 in Berlin, a proof at 04:00 that now and then
 * fails or cannot be made, a removal after each backup. Prints what is kept at the end, with reasons.
 */
import { expect, test } from 'vitest';
import { keepAndRemove } from '../../../src/retention/explain.ts';
import { type BackupFacts, backupName, type RetentionFacts } from '../../../src/retention/facts.ts';
import type { Hold } from '../../../src/retention/hold.ts';
import { TIERS } from '../../../src/retention/periods.ts';
import { type Decision, planRetention } from '../../../src/retention/plan.ts';
import type { WalPiece } from '../../../src/retention/wal-rule.ts';
import {
  backupOf,
  datesFrom,
  factsOf,
  logOf,
  logUntil,
  removable,
  without,
} from '../../support/retention-days.ts';

const ZONE = 'Europe/Berlin';
const FIRST = '2023-11-25';
const DAYS = 3 * 365 + 1;
/** A quarter's close that an auditor wants. */
const HELD = '2024-03-31';

/** Repeatable: the same on every machine. */
function verdictOf(number: number): string | null {
  if (number % 41 === 40) return 'FAIL';
  return number % 17 === 16 ? null : 'PASS';
}

interface Year {
  readonly decision: Decision;
  readonly backups: readonly BackupFacts[];
  readonly log: readonly WalPiece[];
}

function live(each: (day: number, decision: Decision, facts: RetentionFacts) => void): Year {
  let backups: readonly BackupFacts[] = [];
  let log: readonly WalPiece[] = [];
  let holds: readonly Hold[] = [];
  let decision: Decision | undefined;
  for (const [number, date] of datesFrom(FIRST, DAYS).entries()) {
    // Yesterday's backup has been proved since.
    backups = backups.map((one, index) =>
      index === backups.length - 1
        ? {
            ...one,
            copies: one.copies.map((copy) => ({ ...copy, verdict: verdictOf(number - 1) })),
          }
        : one,
    );
    const today = backupOf({ date, number, zone: ZONE });
    backups = [...backups, today];
    if (date === HELD) holds = [holdOn(today)];
    const facts = factsOf(backups, { zone: ZONE, holds });
    decision = planRetention(facts);
    each(number, decision, facts);
    backups = without(backups, decision.remove);
    const whole = [...log, ...logOf(number)];
    const gone = new Set(removable(decision.wal, whole));
    log = whole.filter((piece) => !gone.has(piece));
  }
  if (decision === undefined) throw new Error('Nothing happened');
  return { decision, backups, log };
}

function holdOn({ summary: { backupId, major, systemId, endedAt } }: BackupFacts): Hold {
  const holdId = '20240401T090000Z-3fa9c1';
  const own = { holdId, backupId, major, systemId, placedAt: endedAt };
  return { ...own, reason: 'audit of the first quarter', until: null, by: 'ana' };
}

/** `7/4/12`. */
function shapeOf({ keep }: Decision): string {
  return TIERS.map((tier) => keep.filter(({ tiers }) => tiers.includes(tier)).length).join('/');
}

/** Temporal takes its time; a busy machine takes more. */
const TIMEOUT_MS = 30_000;

test('three years keep exactly 7 daily, 4 weekly and 12 monthly backups, each with its reasons', {
  timeout: TIMEOUT_MS,
}, () => {
  const removedPerDay: number[] = [];
  const shapes = new Set<string>();

  const { decision, backups, log } = live((day, today, facts) => {
    removedPerDay.push(today.remove.length);
    if (day > 400) shapes.add(shapeOf(today));
    if (day % 7 > 0) return;
    const again = planRetention({ ...facts, backups: without(facts.backups, today.remove) });
    expect(again.remove).toEqual([]);
  });

  const lines = keepAndRemove(
    decision.keep.map((one) => ({
      ...one,
      stores: [...one.stores],
      tiers: [...one.tiers],
      reasons: [...one.reasons],
    })),
    [],
  );
  process.stdout.write(
    [
      `After ${DAYS} days, ${DAYS} backups taken and ${removedPerDay.reduce((a, b) => a + b, 0)} removed, ${decision.keep.length} stay:`,
      ...lines,
      `Every moment from ${decision.windowFrom ?? ''} on can be returned to; ${log.length} of ${logUntil(DAYS - 1).length} segments stay.`,
      '',
    ].join('\n'),
  );
  expect([...shapes]).toEqual(['7/4/12']);
  expect(Math.max(...removedPerDay)).toBeLessThanOrEqual(3);
  const names = new Set(backups.map(({ summary }) => backupName(summary)));
  expect(decision.keep.map(backupName).every((name) => names.has(name))).toBe(true);
  expect(
    decision.keep.some(({ reasons }) =>
      reasons.includes('held: audit of the first quarter until it is released'),
    ),
  ).toBe(true);
  expect(decision.keep.every(({ reasons }) => reasons.length > 0)).toBe(true);
  expect(log.length).toBeLessThan(100);
});
