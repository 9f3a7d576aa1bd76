/**
 * Whether every moment since a base backup can be reached with what is stored, and which stretch of log
 * stands in the way. Pure.
 */
import { z } from 'zod';

import type { BackupRecord, WalProgressRecord } from '../catalog/records.ts';
import type { BackupSummary } from '../engines/engine.ts';
import type { WalInventory, WalRun } from '../engines/wal-archive.ts';
import type { Json } from '../kernel/codecs.ts';
import { compareLsn, isLsn, type Lsn, lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';
import { type SegmentName, segmentPlace } from '../kernel/wal-name.ts';
import { isOlderThanLine, lineOf } from './lineage.ts';

const LsnText = z.custom<Lsn>((value) => typeof value === 'string' && isLsn(value));

/** A stretch of log that is not there. */
export const LogHole = z.object({
  systemId: z.string(),
  timeline: z.number(),
  fromLsn: LsnText,
  toLsn: LsnText,
});
export type LogHole = z.infer<typeof LogHole>;

const Base = z.object({
  backupId: z.string(),
  systemId: z.string(),
  major: z.number(),
  timeline: z.number(),
  segmentBytes: z.number(),
  beginLsn: LsnText,
  endLsn: LsnText,
  endedAt: z.string(),
});
export type Base = z.infer<typeof Base>;

/** As the catalogue keeps it; undefined: it is none. */
export function readBase(summary: Json): Base | undefined {
  return Base.safeParse(summary).data;
}

/** Of that cluster, each once, in whichever stores it is. */
export function basesOf(
  backups: readonly BackupRecord[],
  systemId: string | undefined,
): readonly Base[] {
  const bases = new Map<string, Base>();
  for (const { summary } of backups) {
    const base = readBase(summary);
    if (base !== undefined && base.systemId === systemId) bases.set(base.backupId, base);
  }
  return [...bases.values()];
}

/**
 * Of that cluster, by the time they ended: after a recovery to an earlier moment, positions are lower than
 * before. One that was found bad in every store is nothing to start from.
 */
export function soundBases(backups: readonly BackupRecord[], systemId: string): readonly Base[] {
  const sound = backups.filter(({ verdict }) => verdict !== 'FAIL');
  return basesOf(sound, systemId).toSorted((a, b) => (a.endedAt < b.endedAt ? -1 : 1));
}

export type ReplayedBase = Pick<BackupSummary, 'timeline' | 'beginLsn' | 'segmentBytes'>;

/** How far replay gets from a base. */
export interface Reach {
  readonly timeline: number;
  readonly toLsn: Lsn;
  /** More log lies behind where it ends. */
  readonly broken: boolean;
  /** That log was thinned out on purpose. */
  readonly thinned?: boolean;
}

/** Undefined: not even the first byte that replay needs is stored. `wire.ts` knows who can tell. */
export type FollowWal = (base: ReplayedBase, inventory: WalInventory) => Reach | undefined;

export type Coverage =
  | { readonly outcome: 'unbroken' }
  | { readonly outcome: 'broken'; readonly hole: LogHole }
  /** Nothing of this log was told as stored yet. */
  | { readonly outcome: 'unknown' };

export interface CoverageFacts {
  readonly base: ReplayedBase & Pick<Base, 'systemId'>;
  readonly inventory: WalInventory;
  /** What was told as stored, before the inventory was taken. */
  readonly progress: Pick<WalProgressRecord, 'systemId' | 'timeline' | 'storedLsn'>;
}

export function judgeCoverage(
  { base, inventory, progress }: CoverageFacts,
  follow: FollowWal,
): Coverage {
  const { systemId, timeline } = progress;
  const storedLsn = toldOf(progress, base);
  if (storedLsn === undefined) return { outcome: 'unknown' };
  const reach = follow(base, along(inventory, timeline));
  const end = endOf(reach, { base, inventory, progress });
  const isWhole = reach?.timeline === timeline && !reach.broken;
  if (isWhole && compareLsn(end, storedLsn) >= 0) return { outcome: 'unbroken' };
  const hole = { systemId, timeline, fromLsn: end, toLsn: holeEnd(end, inventory, progress) };
  if (compareLsn(hole.fromLsn, hole.toLsn) < 0) return { outcome: 'broken', hole };
  // Nothing lies between, and yet it is not reached: positions of the older timeline may well be higher.
  const isOther = (reach?.timeline ?? base.timeline) !== timeline;
  const begin = isOther ? beginOf(timeline, inventory) : undefined;
  if (begin === undefined || compareLsn(begin, storedLsn) >= 0) return { outcome: 'unknown' };
  return { outcome: 'broken', hole: { systemId, timeline, fromLsn: begin, toLsn: storedLsn } };
}

/** Undefined: nothing of the base's log, on its timeline or a newer one. */
function toldOf(
  { systemId, timeline, storedLsn }: CoverageFacts['progress'],
  base: CoverageFacts['base'],
): Lsn | undefined {
  if (systemId !== base.systemId || timeline < base.timeline) return undefined;
  return isLsn(storedLsn) && lsnBytes(storedLsn) > 0n ? storedLsn : undefined;
}

function beginOf(timeline: number, { runs }: WalInventory): Lsn | undefined {
  return runs.find((run) => run.timeline === timeline)?.fromLsn;
}

/** Without what was given up: no moment of it is asked for. */
function along(inventory: WalInventory, timeline: number): WalInventory {
  const { forks, runs } = inventory;
  if (forks === undefined) return inventory;
  const line = lineOf(timeline, forks);
  function isOn(run: WalRun): boolean {
    const isKnown = line.some((one) => one.timeline === run.timeline);
    return isKnown || isOlderThanLine(run.timeline, line);
  }
  return { ...inventory, runs: runs.filter(isOn) };
}

/** What was stored of a timeline behind where it was left does not count. */
function endOf(reach: Reach | undefined, { base, inventory, progress }: CoverageFacts): Lsn {
  if (reach === undefined) return base.beginLsn;
  const line = lineOf(progress.timeline, inventory.forks ?? []);
  const leftAt = line.find((one) => one.timeline === reach.timeline)?.leftAt;
  return leftAt !== undefined && compareLsn(leftAt, reach.toLsn) < 0 ? leftAt : reach.toLsn;
}

/** Where log is stored again; where none is, as far as was told. */
function holeEnd(
  begin: Lsn,
  { runs }: WalInventory,
  { timeline, storedLsn }: CoverageFacts['progress'],
): Lsn {
  const next = runs.find((run) => run.timeline === timeline && compareLsn(run.fromLsn, begin) > 0);
  if (next !== undefined) return next.fromLsn;
  return isLsn(storedLsn) && compareLsn(storedLsn, begin) > 0 ? storedLsn : begin;
}

export interface HoleRange {
  readonly timeline: number;
  readonly first: SegmentName;
  readonly last: SegmentName;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly segments: number;
  readonly bytes: number;
}

/** Names that follow on each other are one hole. */
export function holeRanges(
  missing: readonly SegmentName[],
  segmentBytes: number,
): readonly HoleRange[] {
  const ranges: HoleRange[] = [];
  for (const name of missing) {
    const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
    const toLsn = lsnFromBytes(lsnBytes(beginLsn) + BigInt(segmentBytes));
    const last = ranges.at(-1);
    if (last !== undefined && last.timeline === timeline && last.toLsn === beginLsn)
      ranges[ranges.length - 1] = {
        ...last,
        last: name,
        toLsn,
        segments: last.segments + 1,
        bytes: last.bytes + segmentBytes,
      };
    else
      ranges.push({
        timeline,
        first: name,
        last: name,
        fromLsn: beginLsn,
        toLsn,
        segments: 1,
        bytes: segmentBytes,
      });
  }
  return ranges;
}
