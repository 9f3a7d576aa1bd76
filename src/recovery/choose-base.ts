/**
 * Chooses the base backup to start from: the newest one that had ended before the target and whose WAL
 * is unbroken up to it. Answers why not, when there is none. Pure.
 */
import type { BackupSummary } from '../engines/engine.ts';
import { ownLogEnd } from '../engines/own-log.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { isAhead } from '../kernel/clock-off.ts';
import { compareLsn, type Lsn, toLsn } from '../kernel/lsn.ts';
import type { SegmentName } from '../kernel/wal-name.ts';
import { followWal, type WalPath } from './coverage.ts';
import type { Target } from './target.ts';

export interface ChoiceFacts {
  /** Any order; of one server, perhaps of several clusters it has had. */
  readonly backups: readonly BackupSummary[];
  /** By system identifier. */
  readonly inventories: ReadonlyMap<string, WalInventory>;
  /** What the receiver last told of this store; undefined: only the store can tell. */
  readonly progress: WalKnown | undefined;
  /** What was told of holes: at that moment the log had grown beyond them. Default: nothing. */
  readonly beyond?: readonly WalKnown[];
  /** Backups whose last proof or restore found damage. */
  readonly failed?: ReadonlySet<string>;
  /** What is dated later was dated by a clock that ran ahead, and shows nothing. Default: all is believed. */
  readonly now?: Temporal.Instant;
}

/** At `at`, everything up to `lsn` was all there was, on that timeline. */
export interface WalKnown {
  readonly systemId: string;
  readonly timeline: number;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

export type BaseChoice =
  | {
      readonly outcome: 'found';
      readonly base: BackupSummary;
      readonly path: WalPath;
      /** Is the target known to lie inside the stored WAL, or will replay find out? */
      readonly covered: 'yes' | 'unknown';
    }
  | { readonly outcome: 'no backups' }
  | { readonly outcome: 'target too early'; readonly earliest: Temporal.Instant; readonly lsn: Lsn }
  /** Undefined `at`: only the position is known. */
  | {
      readonly outcome: 'after last wal';
      readonly at: Temporal.Instant | undefined;
      readonly lsn: Lsn;
    }
  | {
      readonly outcome: 'hole';
      readonly base: BackupSummary;
      readonly missing: readonly SegmentName[];
      /** Nothing was lost: retention keeps this backup for its own moment only. */
      readonly thinned?: boolean;
    };

export function chooseBase(facts: ChoiceFacts, target: Target): BaseChoice {
  const newestFirst = facts.backups.toSorted((a, b) => compareText(b.endedAt, a.endedAt));
  const oldest = newestFirst.at(-1);
  if (oldest === undefined) return { outcome: 'no backups' };

  const candidates = preferSound(
    newestFirst.filter((backup) => isBefore(backup, target, facts)),
    facts.failed,
  );
  if (candidates.length === 0) {
    const { endedAt, endLsn } = oldestOf(newestFirst, target);
    return { outcome: 'target too early', earliest: Temporal.Instant.from(endedAt), lsn: endLsn };
  }
  let refusal: BaseChoice | undefined;
  for (const base of candidates) {
    const choice = judge(base, target, facts);
    if (choice.outcome === 'found') return choice;
    // The newest backup's refusal is the one that people can do something about.
    refusal ??= choice;
  }
  return refusal ?? { outcome: 'no backups' };
}

/** A backup with damaged files, or that failed, only when there is no other. */
function preferSound(
  backups: readonly BackupSummary[],
  failed: ReadonlySet<string> = new Set(),
): readonly BackupSummary[] {
  function isSound({ damagedFiles, backupId }: BackupSummary): boolean {
    return damagedFiles.length === 0 && !failed.has(backupId);
  }
  return [...backups.filter(isSound), ...backups.filter((backup) => !isSound(backup))];
}

function isBefore(backup: BackupSummary, target: Target, { backups }: ChoiceFacts): boolean {
  switch (target.kind) {
    case 'time':
      return (
        Temporal.Instant.compare(
          Temporal.Instant.from(backup.endedAt),
          Temporal.Instant.from(target.at),
        ) <= 0
      );
    case 'lsn':
      // A position means nothing in another cluster.
      return (
        backup.systemId === newestCluster(backups) &&
        compareLsn(backup.endLsn, toLsn(target.lsn)) <= 0
      );
    case 'xid':
    case 'latest':
      return backup.systemId === newestCluster(backups);
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}

function newestCluster(backups: readonly BackupSummary[]): string | undefined {
  return backups.toSorted((a, b) => compareText(a.endedAt, b.endedAt)).at(-1)?.systemId;
}

function oldestOf(newestFirst: readonly BackupSummary[], target: Target): BackupSummary {
  const cluster = target.kind === 'time' ? undefined : newestFirst[0]?.systemId;
  const oldest = newestFirst.findLast(
    ({ systemId }) => cluster === undefined || systemId === cluster,
  );
  if (oldest === undefined) throw new TypeError('There is a backup, but no oldest one');
  return oldest;
}

function judge(base: BackupSummary, target: Target, facts: ChoiceFacts): BaseChoice {
  const inventory = facts.inventories.get(base.systemId);
  const path = inventory === undefined ? undefined : followWal(base, inventory);
  if (path !== undefined && compareLsn(path.toLsn, base.endLsn) >= 0)
    return judgeTarget({ outcome: 'found', base, path }, target, facts);
  return { outcome: 'hole', base, missing: path?.missing ?? inventory?.missing ?? [] };
}

function judgeTarget(found: Candidate, target: Target, facts: ChoiceFacts): BaseChoice {
  const { path } = found;
  if (path.thinned === true)
    return isInOwnLog(found, target) ? { ...found, covered: 'yes' } : holeBehind(found);
  switch (target.kind) {
    case 'latest':
      return path.broken || endsTooEarly(found, facts)
        ? holeBehind(found)
        : { ...found, covered: 'yes' };
    case 'xid':
      return { ...found, covered: 'unknown' };
    case 'lsn':
      return judgeLsn(found, toLsn(target.lsn));
    case 'time':
      return judgeTime(found, Temporal.Instant.from(target.at), facts);
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}

/** Of a moment, people write the second. */
const SECOND_MS = 1000;

/**
 * A backup without the log after it can be returned to as it ended, to the positions of its proof point
 * behind that, and to no other moment.
 */
function isInOwnLog({ base }: Candidate, target: Target): boolean {
  if (target.kind === 'lsn') return compareLsn(toLsn(target.lsn), ownLogEnd(base)) <= 0;
  if (target.kind !== 'time') return false;
  const afterMs =
    Temporal.Instant.from(target.at).epochMilliseconds -
    Temporal.Instant.from(base.endedAt).epochMilliseconds;
  return afterMs < SECOND_MS;
}

interface Candidate {
  readonly outcome: 'found';
  readonly base: BackupSummary;
  readonly path: WalPath;
}

/** A later backup shows that there was more log than is stored: this is not the newest moment. */
function endsTooEarly({ base, path }: Candidate, { backups }: ChoiceFacts): boolean {
  return backups.some(
    ({ systemId, endedAt, endLsn }) =>
      systemId === base.systemId &&
      compareText(endedAt, base.endedAt) > 0 &&
      compareLsn(endLsn, path.toLsn) > 0,
  );
}

function holeBehind({ base, path }: Candidate): BaseChoice {
  return { outcome: 'hole', base, missing: path.missing, thinned: path.thinned === true };
}

function judgeLsn(found: Candidate, lsn: Lsn): BaseChoice {
  const { path } = found;
  if (compareLsn(lsn, path.toLsn) <= 0) return { ...found, covered: 'yes' };
  if (path.broken) return holeBehind(found);
  return { outcome: 'after last wal', at: undefined, lsn: path.toLsn };
}

/**
 * WAL tells its times only while it is replayed. What is known before: the moment the receiver told
 * of, and when backups began and ended. Where that does not decide, replay will, and it never
 * answers with less than was asked.
 */
function judgeTime(found: Candidate, at: Temporal.Instant, facts: ChoiceFacts): BaseChoice {
  const { base, path } = found;
  const { progress } = facts;
  const isOwn = progress?.systemId === base.systemId;
  const known =
    progress !== undefined && isOwn && !isDatedAhead(progress.at, facts) ? progress : undefined;
  const marks = facts.backups
    .filter(
      ({ systemId, endLsn }) => systemId === base.systemId && compareLsn(endLsn, path.toLsn) <= 0,
    )
    .map(({ endedAt }) => Temporal.Instant.from(endedAt))
    .filter((mark) => !isDatedAhead(mark, facts));
  if (marks.some((mark) => Temporal.Instant.compare(mark, at) >= 0))
    return { ...found, covered: 'yes' };
  if (path.broken && isBehindHole(found, at, { ...facts, progress: known }))
    return holeBehind(found);
  if (path.broken || known === undefined) return { ...found, covered: 'unknown' };
  if (Temporal.Instant.compare(at, known.at) > 0)
    return { outcome: 'after last wal', at: known.at, lsn: path.toLsn };
  // The store must have what the receiver told of: files can vanish.
  return { ...found, covered: compareLsn(known.lsn, path.toLsn) <= 0 ? 'yes' : 'unknown' };
}

/** The log was known to be longer than what leads up to the hole before that moment came. */
function isBehindHole(
  { base, path }: Candidate,
  at: Temporal.Instant,
  facts: ChoiceFacts,
): boolean {
  const { backups, progress, beyond = [] } = facts;
  const told = backups.map(({ systemId, timeline, endLsn, endedAt }): WalKnown => {
    return { systemId, timeline, lsn: endLsn, at: Temporal.Instant.from(endedAt) };
  });
  return [...told, ...beyond, ...(progress === undefined ? [] : [progress])].some(
    (known) =>
      known.systemId === base.systemId &&
      // On another timeline the same position is of another moment.
      known.timeline === path.timeline &&
      compareLsn(known.lsn, path.toLsn) > 0 &&
      Temporal.Instant.compare(known.at, at) <= 0 &&
      !isDatedAhead(known.at, facts),
  );
}

function isDatedAhead(at: Temporal.Instant, { now }: ChoiceFacts): boolean {
  return now !== undefined && isAhead(at, now);
}

function compareText(a: string, b: string): number {
  return Temporal.Instant.compare(Temporal.Instant.from(a), Temporal.Instant.from(b));
}
