/**
 * Which backups stand for their day, week and month. A period is a calendar day, ISO week or month in
 * the config's zone, so a day of 23 or 25 hours is a day. The newest periods that have a backup count,
 * however long ago they were: where backups stop, nothing ages away. Per period the newest that is
 * proved, else the newest. Pure.
 */
import type { RetentionRules } from './facts.ts';

export const TIERS = ['daily', 'weekly', 'monthly'] as const;
export type Tier = (typeof TIERS)[number];

export interface Candidate {
  readonly name: string;
  readonly beganAt: string;
  /** The calendar day it began on: `dayOf()`. */
  readonly day: Temporal.PlainDate;
  /** A proof restored it, and no later one failed. */
  readonly isProved: boolean;
}

/** Why a period keeps a backup. */
export interface Standing {
  readonly tier: Tier;
  /** `2026-11-23`, `2026-W47`, `2026-11`. */
  readonly period: string;
}

/** By the backup's name; damaged backups must not be among the candidates. */
export function standingsOf(
  candidates: readonly Candidate[],
  rules: Pick<RetentionRules, Tier>,
): ReadonlyMap<string, readonly Standing[]> {
  const newestFirst = candidates.toSorted(
    (a, b) => compareText(b.beganAt, a.beganAt) || compareText(b.name, a.name),
  );
  const inOrderOfChoice = [...newestFirst.filter(({ isProved }) => isProved), ...newestFirst];
  const standings = new Map<string, Standing[]>();
  for (const tier of TIERS) {
    const periods = newestPeriods(newestFirst, tier, rules[tier]);
    for (const { name, day } of inOrderOfChoice) {
      const period = periodOf(tier, day);
      // The first one stands for it.
      if (!periods.delete(period)) continue;
      standings.set(name, [...(standings.get(name) ?? []), { tier, period }]);
    }
  }
  return standings;
}

function newestPeriods(
  newestFirst: readonly { readonly day: Temporal.PlainDate }[],
  tier: Tier,
  count: number,
): Set<string> {
  const periods = new Set<string>();
  for (const { day } of newestFirst) {
    if (periods.size >= count) break;
    periods.add(periodOf(tier, day));
  }
  return periods;
}

export function dayOf(at: string, zone: string): Temporal.PlainDate {
  return Temporal.Instant.from(at).toZonedDateTimeISO(zone).toPlainDate();
}

function periodOf(tier: Tier, day: Temporal.PlainDate): string {
  switch (tier) {
    case 'daily':
      return day.toString();
    case 'weekly':
      return `${day.yearOfWeek ?? day.year}-W${String(day.weekOfYear ?? 0).padStart(2, '0')}`;
    case 'monthly':
      return day.toPlainYearMonth().toString();
    default:
      throw new TypeError(`Unreachable tier: ${JSON.stringify(tier satisfies never)}`);
  }
}

/** When the period that holds a moment is over: until then something newer can come to stand for it. */
export function periodEnd(tier: Tier, at: string, zone: string): Temporal.Instant {
  const day = dayOf(at, zone);
  const next = {
    daily: () => day.add({ days: 1 }),
    weekly: () => day.add({ days: 8 - day.dayOfWeek }),
    monthly: () => day.with({ day: 1 }).add({ months: 1 }),
  }[tier]();
  return next.toZonedDateTime(zone).toInstant();
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
