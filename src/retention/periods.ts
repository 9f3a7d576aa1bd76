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
  /** A proof restored it, and no later one failed. */
  readonly isProved: boolean;
}

/** Why a period keeps a backup. */
export interface Standing {
  readonly tier: Tier;
  /** `2026-11-23`, `2026-W47`, `2026-11`. */
  readonly period: string;
  /** Something newer can still come into a period that is not over. */
  readonly endsAt: Temporal.Instant;
}

/** By the backup's name; damaged backups must not be among the candidates. */
export function standingsOf(
  candidates: readonly Candidate[],
  rules: RetentionRules,
  zone: string,
): ReadonlyMap<string, readonly Standing[]> {
  const newestFirst = candidates.toSorted((a, b) =>
    a.beganAt === b.beganAt ? compareText(b.name, a.name) : compareText(b.beganAt, a.beganAt),
  );
  const standings = new Map<string, Standing[]>();
  for (const tier of TIERS) {
    const chosen = new Map<string, { readonly name: string; readonly standing: Standing }>();
    const proved = newestFirst.filter(({ isProved }) => isProved);
    const count = rules[tier];
    const periods = newestPeriods(newestFirst, { tier, count, zone });
    for (const { name, beganAt } of [...proved, ...newestFirst]) {
      const standing = standingAt(tier, beganAt, zone);
      if (!periods.has(standing.period) || chosen.has(standing.period)) continue;
      chosen.set(standing.period, { name, standing });
    }
    for (const { name, standing } of chosen.values())
      standings.set(name, [...(standings.get(name) ?? []), standing]);
  }
  return standings;
}

function newestPeriods(
  newestFirst: readonly Candidate[],
  { tier, count, zone }: { readonly tier: Tier; readonly count: number; readonly zone: string },
): ReadonlySet<string> {
  const periods = new Set<string>();
  for (const { beganAt } of newestFirst) {
    if (periods.size >= count) break;
    periods.add(standingAt(tier, beganAt, zone).period);
  }
  return periods;
}

/** The period that holds a moment. */
export function standingAt(tier: Tier, at: string, zone: string): Standing {
  const day = Temporal.Instant.from(at).toZonedDateTimeISO(zone).toPlainDate();
  switch (tier) {
    case 'daily':
      return standingUntil(tier, day.toString(), { first: day.add({ days: 1 }), zone });
    case 'weekly': {
      const week = String(day.weekOfYear ?? 0).padStart(2, '0');
      const first = day.add({ days: 8 - day.dayOfWeek });
      return standingUntil(tier, `${day.yearOfWeek ?? day.year}-W${week}`, { first, zone });
    }
    case 'monthly': {
      const first = day.with({ day: 1 }).add({ months: 1 });
      return standingUntil(tier, day.toPlainYearMonth().toString(), { first, zone });
    }
    default:
      throw new TypeError(`Unreachable tier: ${JSON.stringify(tier satisfies never)}`);
  }
}

/** `first`: the first day that is not in it. */
function standingUntil(
  tier: Tier,
  period: string,
  { first, zone }: { readonly first: Temporal.PlainDate; readonly zone: string },
): Standing {
  return { tier, period, endsAt: first.toZonedDateTime(zone).toInstant() };
}

/** For lists: the tiers of each backup, by its name. */
export function tiersOf(
  candidates: readonly Candidate[],
  rules: RetentionRules,
  zone: string,
): ReadonlyMap<string, readonly Tier[]> {
  return new Map(
    [...standingsOf(candidates, rules, zone)].map(([name, standings]) => [
      name,
      standings.map(({ tier }) => tier),
    ]),
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
