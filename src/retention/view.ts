/**
 * What is known of a server's backups, looked at once: which are good and which are proved, which stand
 * for a period, where the point-in-time window begins, and which clusters the server has had. Pure.
 */
import type { BackupFacts, RetentionFacts, SummaryFacts } from './facts.ts';
import { backupName } from './facts.ts';
import { dayOf, type Standing, standingsOf } from './periods.ts';

export type BackupState = 'proved' | 'unproved' | 'damaged' | 'unreadable';

export interface Viewed {
  readonly name: string;
  readonly facts: BackupFacts;
  readonly summary: SummaryFacts;
  readonly state: Exclude<BackupState, 'unreadable'>;
  readonly beganAt: Temporal.Instant;
  readonly endedAt: Temporal.Instant;
  /** The calendar day it began on. */
  readonly day: Temporal.PlainDate;
}

export interface View {
  readonly facts: RetentionFacts;
  /** Oldest first. */
  readonly backups: readonly Viewed[];
  readonly standings: ReadonlyMap<string, readonly Standing[]>;
  readonly countedFrom: Temporal.Instant;
  readonly windowStart: Temporal.Instant;
  readonly windowFrom: Temporal.Instant | undefined;
  readonly newestProved: Viewed | undefined;
  readonly clusters: readonly Cluster[];
}

export interface Cluster {
  readonly major: number;
  readonly systemId: string;
  /** Oldest first. */
  readonly backups: readonly Viewed[];
  /** When a younger cluster took its place; undefined: it is the server's own. */
  readonly endedAt: Temporal.Instant | undefined;
  readonly windowBase: Viewed | undefined;
}

export function viewOf(facts: RetentionFacts): View {
  const backups = facts.backups.map((one) => viewBackup(one, facts.zone)).toSorted(oldestFirst);
  const good = backups.filter(isGood);
  const newest = good.at(-1)?.endedAt;
  // A clock that runs ahead, and backups that stopped or are all damaged, must not move the window.
  const countedFrom = newest === undefined ? facts.now : earlier(newest, facts.now);
  const windowStart = countedFrom
    .toZonedDateTimeISO(facts.zone)
    .subtract(facts.rules.pitr)
    .toInstant();
  const clusters = clustersOf(backups, windowStart);
  return {
    facts,
    backups,
    standings: standingsOf(
      good.map(({ name, summary, day, state }) => ({
        name,
        beganAt: summary.beganAt,
        day,
        isProved: state === 'proved',
      })),
      facts.rules,
    ),
    countedFrom,
    windowStart,
    windowFrom: windowBegin(clusters, windowStart),
    newestProved: newestProved(backups),
    clusters,
  };
}

/** A good copy is enough to be good; a bad one is, unless another one is proved, enough to be bad. */
export function stateOf(
  { damagedFiles }: Pick<SummaryFacts, 'damagedFiles'>,
  verdicts: readonly (string | null)[],
): Exclude<BackupState, 'unreadable'> {
  if (damagedFiles.length > 0) return 'damaged';
  if (verdicts.includes('PASS')) return 'proved';
  return verdicts.includes('FAIL') ? 'damaged' : 'unproved';
}

function viewBackup(facts: BackupFacts, zone: string): Viewed {
  const { summary, copies } = facts;
  const state = stateOf(
    summary,
    copies.map(({ verdict }) => verdict),
  );
  return {
    name: backupName(summary),
    facts,
    summary,
    state,
    beganAt: Temporal.Instant.from(summary.beganAt),
    endedAt: Temporal.Instant.from(summary.endedAt),
    day: dayOf(summary.beganAt, zone),
  };
}

export function isGood({ state }: Viewed): boolean {
  return state !== 'damaged';
}

export function newestProved(backups: readonly Viewed[]): Viewed | undefined {
  return backups.findLast(({ state }) => state === 'proved');
}

/**
 * In the order in which the server lived in them: by their newest good backup, never by numbers in names.
 * Those without a good one come last, and nothing else depends on them.
 */
function clustersOf(backups: readonly Viewed[], windowStart: Temporal.Instant): readonly Cluster[] {
  const bySystem = Map.groupBy(
    backups,
    ({ summary: { major, systemId } }) => `${major}-${systemId}`,
  );
  const lives = [...bySystem.values()].map((own) => ({ own, good: own.filter(isGood) }));
  const lived = lives
    .filter(({ good }) => good.length > 0)
    .toSorted((a, b) => compareBegan(a.good.at(-1), b.good.at(-1)));
  const others = lives.filter(({ good }) => good.length === 0);
  return [...lived, ...others].flatMap(({ own, good }, index) => {
    const [first] = own;
    if (first === undefined) return [];
    const next = lived[index + 1]?.good[0];
    const last = good.at(-1) ?? first;
    const endedAt = next === undefined ? undefined : later(next.beganAt, last.endedAt);
    const { major, systemId } = first.summary;
    return [
      { major, systemId, backups: own, endedAt, windowBase: baseOf(good, endedAt, windowStart) },
    ];
  });
}

/** The newest proved one that had ended when the window begins, else the newest one, else the oldest. */
function baseOf(
  good: readonly Viewed[],
  endedAt: Temporal.Instant | undefined,
  windowStart: Temporal.Instant,
): Viewed | undefined {
  if (endedAt !== undefined && Temporal.Instant.compare(endedAt, windowStart) <= 0)
    return undefined;
  const before = good.filter((one) => Temporal.Instant.compare(one.endedAt, windowStart) <= 0);
  return newestProved(before) ?? before.at(-1) ?? good[0];
}

function windowBegin(
  clusters: readonly Cluster[],
  windowStart: Temporal.Instant,
): Temporal.Instant | undefined {
  const bases = clusters.flatMap(({ windowBase }) => windowBase ?? []);
  const [first] = bases.toSorted(oldestFirst);
  return first === undefined ? undefined : later(first.endedAt, windowStart);
}

export function oldestFirst(a: Viewed, b: Viewed): number {
  return Temporal.Instant.compare(a.beganAt, b.beganAt) || compareText(a.name, b.name);
}

function compareBegan(a: Viewed | undefined, b: Viewed | undefined): number {
  return a === undefined || b === undefined ? 0 : oldestFirst(a, b);
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function earlier(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) <= 0 ? a : b;
}

export function later(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) >= 0 ? a : b;
}
