/** In which order replay needs the segments of a path, and which of them must be stored. Pure. */
import type { WalRun } from '../../engines/wal-archive.ts';
import { lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import {
  type SegmentName,
  segmentBegin,
  segmentNameAt,
  segmentPlace,
} from '../../kernel/wal-name.ts';
import type { WalPath } from '../coverage.ts';

/** Inside the path, or behind it when more is stored behind a hole. */
export function mustExist(path: WalPath, segmentBytes: number, name: SegmentName): boolean {
  const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
  const begin = lsnBytes(beginLsn);
  if (timelinesAt(path, segmentBytes, begin).includes(timeline)) return true;
  return path.broken && timeline === path.timeline && begin >= lsnBytes(path.toLsn);
}

/** How much of a segment the path holds, from its first byte on. */
export function bytesHeld(path: WalPath, segmentBytes: number, name: SegmentName): number {
  const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
  const begin = lsnBytes(beginLsn);
  const held = runsAt(path, segmentBytes, begin)
    .filter((run) => run.timeline === timeline)
    .map(({ toLsn }) => Math.min(segmentBytes, Number(lsnBytes(toLsn) - begin)));
  return Math.max(0, ...held);
}

/**
 * Up to `count` segments from the one that holds byte `from` on, each on the newest timeline that has it:
 * that is where PostgreSQL looks first. The path's last segment may still grow: it is left out, so that
 * it is read when it is asked for.
 */
export function segmentsFrom(
  path: WalPath,
  segmentBytes: number,
  { from, until, count }: Stretch,
): readonly SegmentName[] {
  const size = BigInt(segmentBytes);
  const names: SegmentName[] = [];
  for (let begin = (from / size) * size; names.length < count; begin += size) {
    if (begin + size >= lsnBytes(path.toLsn) || begin > until) break;
    const timelines = timelinesAt(path, segmentBytes, begin);
    if (timelines.length === 0) break;
    names.push(segmentNameAt(Math.max(...timelines), lsnFromBytes(begin), segmentBytes));
  }
  return names;
}

interface Stretch {
  readonly from: bigint;
  /** The last segment holds it, at most. */
  readonly until: bigint;
  readonly count: number;
}

function timelinesAt(path: WalPath, segmentBytes: number, begin: bigint): readonly number[] {
  return runsAt(path, segmentBytes, begin).map(({ timeline }) => timeline);
}

/** Those that hold something of the segment which begins at `begin`. */
function runsAt({ runs }: WalPath, segmentBytes: number, begin: bigint): readonly WalRun[] {
  return runs.filter(
    ({ fromLsn, toLsn }) =>
      begin >= lsnBytes(segmentBegin(fromLsn, segmentBytes)) && begin < lsnBytes(toLsn),
  );
}
