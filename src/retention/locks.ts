/**
 * How long an object may not be removed by anybody, in a store that keeps locks. What is written is locked
 * for as long as every backup and every piece of log must stay; a backup that came to stand for a week
 * or a month is locked for longer once that period is over, because until then a newer one may take its
 * place. A lock is never made shorter. Pure.
 */
import { parseBackupKey } from '../engines/streaming/format.ts';
import type { RetentionRules } from './facts.ts';
import { type Hold, isInForce } from './hold.ts';
import { periodEnd, type Tier } from './periods.ts';

/** A removal comes once a day, after the backup. */
const SLACK_DAYS = 1;
/** The window's base is as old as the window and up to two backups more. */
const LOG_SLACK_DAYS = 2;
/** A hold without an end is locked for at least so long, which is renewed once a week. */
const HOLD = { hours: 31 * 24 };

/** Of an object that is about to be written; undefined: it is not locked. */
export function lockOfNew(
  key: string,
  rules: RetentionRules,
  { now, zone }: { readonly now: Temporal.Instant; readonly zone: string },
): Temporal.Instant | undefined {
  const local = now.toZonedDateTimeISO(zone);
  if (parseBackupKey(key) !== undefined) return lockOfDaily(local, rules);
  const [, part = '', rest = ''] = /^[^/]+\/\d+-\d+\/([a-z]+)\/(.*)$/.exec(key) ?? [];
  if (part !== 'wal') return undefined;
  // A history is a few lines, and every later backup of its timeline needs it.
  if (rest.endsWith('.history')) return local.add({ months: rules.monthly + 1 }).toInstant();
  return local.add(rules.pitr).add({ days: LOG_SLACK_DAYS }).toInstant();
}

function lockOfDaily(began: Temporal.ZonedDateTime, rules: RetentionRules): Temporal.Instant {
  const days = began.add({ days: rules.daily + SLACK_DAYS }).toInstant();
  const window = began.add(rules.pitr).add({ days: LOG_SLACK_DAYS }).toInstant();
  return latest([days, window]);
}

export interface LockedBackup {
  readonly beganAt: string;
  readonly tiers: readonly Tier[];
  /** Of this backup. */
  readonly holds: readonly Hold[];
}

/** Of a backup that stays. */
export function lockOfKept(
  { beganAt, tiers, holds }: LockedBackup,
  rules: RetentionRules,
  { at, zone }: { readonly at: Temporal.Instant; readonly zone: string },
): Temporal.Instant {
  const began = Temporal.Instant.from(beganAt).toZonedDateTimeISO(zone);
  const over = tiers.filter(
    (tier) => Temporal.Instant.compare(periodEnd(tier, beganAt, zone), at) <= 0,
  );
  const held = holds
    .filter((hold) => isInForce(hold, at))
    .map(({ until }) =>
      until === null
        ? periodEnd('weekly', at.toString(), zone).add(HOLD)
        : Temporal.Instant.from(until),
    );
  return latest([
    lockOfDaily(began, rules),
    ...(over.includes('weekly') ? [began.add({ weeks: rules.weekly + 1 }).toInstant()] : []),
    ...(over.includes('monthly') ? [began.add({ months: rules.monthly + 1 }).toInstant()] : []),
    ...held,
  ]);
}

function latest(moments: readonly [Temporal.Instant, ...Temporal.Instant[]]): Temporal.Instant {
  return moments.reduce((a, b) => (Temporal.Instant.compare(a, b) >= 0 ? a : b));
}
