/**
 * Which unbroken runs of log the stored pieces make, and which whole segments are missing between them.
 * A tail counts only where it follows on what is there from its segment's beginning. Pure.
 */
import { type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import type { WalRun, WalThinned } from '../wal-archive.ts';

/** A whole segment, or a part of one. */
export interface StoredPiece {
  readonly timeline: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface Hole {
  readonly timeline: number;
  /** First byte of a segment that is missing or unfinished. */
  readonly lsn: Lsn;
}

export interface Runs {
  readonly runs: readonly WalRun[];
  readonly holes: readonly Hole[];
}

/** A hole that is larger is told by its beginning: nobody reads longer lists. */
const HOLES_MAX = 10_000;

export function findRuns(
  pieces: readonly StoredPiece[],
  segmentBytes: number,
  thinned: readonly WalThinned[] = [],
): Runs {
  const size = BigInt(segmentBytes);
  const runs: StoredPiece[] = [];
  for (const piece of pieces.toSorted(compare)) {
    const run = runs.at(-1);
    if (run !== undefined && run.timeline === piece.timeline && piece.from <= run.to) {
      if (piece.to > run.to) runs[runs.length - 1] = { ...run, to: piece.to };
    } else if (piece.from % size === 0n) {
      runs.push(piece);
    }
  }
  return {
    runs: runs.map(({ timeline, from, to }) => ({
      timeline,
      fromLsn: lsnFromBytes(from),
      toLsn: lsnFromBytes(to),
    })),
    holes: runs
      .flatMap((run, at) => holesBetween(run, runs[at + 1], { size, thinned }))
      .slice(0, HOLES_MAX),
  };
}

function compare(a: StoredPiece, b: StoredPiece): number {
  if (a.timeline !== b.timeline) return a.timeline - b.timeline;
  if (a.from === b.from) return 0;
  return a.from < b.from ? -1 : 1;
}

interface Segments {
  readonly size: bigint;
  readonly thinned: readonly WalThinned[];
}

function holesBetween(
  run: StoredPiece,
  next: StoredPiece | undefined,
  { size, thinned }: Segments,
): Hole[] {
  if (next === undefined || next.timeline !== run.timeline) return [];
  const holes: Hole[] = [];
  const kept = keptFrom(run.timeline, thinned);
  const begin = kept > run.to ? kept : run.to;
  for (let lsn = (begin / size) * size; lsn < next.from; lsn += size) {
    holes.push({ timeline: run.timeline, lsn: lsnFromBytes(lsn) });
    if (holes.length === HOLES_MAX) break;
  }
  return holes;
}

/** From there on a hole of that timeline was not made on purpose. */
function keptFrom(timeline: number, thinned: readonly WalThinned[]): bigint {
  return thinned
    .filter((mark) => timeline <= mark.timeline)
    .map(({ lsn }) => lsnBytes(lsn))
    .reduce((a, b) => (a > b ? a : b), 0n);
}

/** The fewest that lead from `begin` on without a break, in order: a joined one stands for all in it. */
export function joinTails<T extends { readonly from: bigint; readonly to: bigint }>(
  begin: bigint,
  tails: readonly T[],
): readonly T[] {
  const chain: T[] = [];
  let end = begin;
  let furthest: T | undefined;
  for (const tail of tails.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    if (tail.from > end && furthest !== undefined) {
      chain.push(furthest);
      end = furthest.to;
      furthest = undefined;
    }
    if (tail.from > end) break;
    if (tail.to > (furthest?.to ?? end)) furthest = tail;
  }
  return furthest === undefined ? chain : [...chain, furthest];
}
