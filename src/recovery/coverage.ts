/**
 * How far the stored WAL reaches, unbroken, from a base backup on: the runs that replay passes
 * through, and what is missing where they end. Pure.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { WalInventory, WalRun } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn, lsnBytes } from '../kernel/lsn.ts';
import { type SegmentName, segmentBegin, segmentPlace } from '../kernel/wal-name.ts';

export interface WalPath {
  /** In the order of replay; more than one after a change of timeline. */
  readonly runs: readonly WalRun[];
  /** The timeline that is recovered along. */
  readonly timeline: number;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  /** Segments that are missing behind the path; empty: it ends where the log ends. */
  readonly missing: readonly SegmentName[];
  /** More stored WAL lies behind what is missing. */
  readonly broken: boolean;
  /** Retention has left the base no more than its own log: its own end can be reached, and nothing after it. */
  readonly thinned?: boolean;
}

/**
 * Undefined when not even the first byte that replay needs is stored. Onto timelines up to `newest` only; default: as
 * far as they lead.
 */
export function followWal(
  base: Pick<BackupSummary, 'timeline' | 'beginLsn' | 'segmentBytes'>,
  inventory: WalInventory,
  newest = Number.POSITIVE_INFINITY,
): WalPath | undefined {
  const need = segmentBegin(base.beginLsn, base.segmentBytes);
  const first = inventory.runs.find(
    (run) =>
      run.timeline === base.timeline &&
      compareLsn(run.fromLsn, need) <= 0 &&
      compareLsn(run.toLsn, base.beginLsn) > 0,
  );
  if (first === undefined) return undefined;
  const runs = [first];
  for (let last = first; ; ) {
    const next = nextTimeline(last, inventory, { newest, beginLsn: base.beginLsn });
    if (next === undefined) break;
    const { run, leftAt } = next;
    if (leftAt !== undefined && compareLsn(leftAt, last.toLsn) < 0)
      runs[runs.length - 1] = { ...last, toLsn: leftAt };
    runs.push(run);
    last = run;
  }
  const end = runs.at(-1) ?? first;
  const broken = inventory.runs.some(
    (run) => run.timeline === end.timeline && compareLsn(run.fromLsn, end.toLsn) > 0,
  );
  return {
    runs,
    timeline: end.timeline,
    fromLsn: base.beginLsn,
    toLsn: end.toLsn,
    missing: broken ? missingBehind(end, inventory, base.segmentBytes) : [],
    broken,
    thinned: broken && isThinnedBehind(end, inventory),
  };
}

function isThinnedBehind({ timeline, toLsn }: WalRun, { thinned = [] }: WalInventory): boolean {
  return thinned.some((mark) => timeline <= mark.timeline && compareLsn(toLsn, mark.lsn) < 0);
}

interface NextRun {
  readonly run: WalRun;
  /** Where the older timeline was left; undefined: nobody has read the history. */
  readonly leftAt: Lsn | undefined;
}

/** Of a newer timeline, up to `newest`, that branches off inside this run behind the base. */
function nextTimeline(
  last: WalRun,
  inventory: WalInventory,
  { newest, beginLsn }: { readonly newest: number; readonly beginLsn: Lsn },
): NextRun | undefined {
  for (const run of inventory.runs) {
    if (run.timeline <= last.timeline || run.timeline > newest) continue;
    if (compareLsn(run.fromLsn, last.toLsn) > 0 || compareLsn(run.toLsn, last.fromLsn) <= 0)
      continue;
    const leftAt = leftFor(run, last, inventory);
    if (leftAt === 'never') continue;
    // Its first segment holds what the older timeline had of it: that one may end before.
    if (leftAt !== undefined && compareLsn(run.fromLsn, leftAt) > 0) continue;
    if (leftAt !== undefined && compareLsn(beginLsn, leftAt) >= 0) continue;
    return { run, leftAt };
  }
  return undefined;
}

/** Positions that overlap do not say which timeline comes from which: its history must be stored. */
function leftFor(
  { timeline }: WalRun,
  last: WalRun,
  { histories, forks }: WalInventory,
): Lsn | 'never' | undefined {
  if (forks !== undefined) {
    const fork = forks.find((one) => one.timeline === timeline && one.parent === last.timeline);
    return fork?.lsn ?? 'never';
  }
  const isKnown = histories.some((name) => Number.parseInt(name.slice(0, 8), 16) === timeline);
  return isKnown ? undefined : 'never';
}

function missingBehind(
  run: WalRun,
  inventory: WalInventory,
  segmentBytes: number,
): readonly SegmentName[] {
  const end = lsnBytes(segmentBegin(run.toLsn, segmentBytes));
  return inventory.missing.filter((name) => {
    const place = segmentPlace(name, segmentBytes);
    return place.timeline === run.timeline && lsnBytes(place.beginLsn) >= end;
  });
}

/** How many segments the path passes through. */
export function countSegments(path: WalPath, segmentBytes: number): number {
  const begin = lsnBytes(segmentBegin(path.fromLsn, segmentBytes));
  const bytes = lsnBytes(path.toLsn) - begin;
  return Number((bytes + BigInt(segmentBytes) - 1n) / BigInt(segmentBytes));
}
