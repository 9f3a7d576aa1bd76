/**
 * Which stretches of a pack hold the frames that are wanted, so that a few files cost little more to read
 * than their own bytes. A store is asked once for each stretch. Pure.
 */
import { segmentOfPlain } from '../../encryption/tink-stream.ts';
import type { Extent, Frame } from './pack-format.ts';

/**
 * Segments of 1 MiB that are read although nothing in them is wanted: asking a distant store again takes
 * as long as reading one or two.
 */
const GAP_SEGMENTS = 1;

export interface FrameRun {
  /** Encrypted segments, `[begin, end)`. */
  readonly beginSegment: number;
  readonly endSegment: number;
  /** In order; each begins at a plain byte of the pack. */
  readonly frames: readonly WantedFrame[];
}

export interface WantedFrame {
  readonly beginByte: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly extents: readonly Extent[];
}

export function frameRuns(
  frames: readonly Frame[],
  isWanted: (file: number) => boolean,
): readonly FrameRun[] {
  const runs: (FrameRun & { endSegment: number; readonly frames: WantedFrame[] })[] = [];
  let beginByte = 0;
  for (const [storedBytes, plainBytes, extents] of frames) {
    const frame = { beginByte, storedBytes, plainBytes, extents };
    beginByte += storedBytes;
    if (!extents.some(([file]) => isWanted(file))) continue;
    const beginSegment = segmentOfPlain(frame.beginByte);
    const endSegment = segmentOfPlain(beginByte - 1) + 1;
    const last = runs.at(-1);
    if (last === undefined || beginSegment > last.endSegment + GAP_SEGMENTS)
      runs.push({ beginSegment, endSegment, frames: [frame] });
    else {
      last.endSegment = endSegment;
      last.frames.push(frame);
    }
  }
  return runs;
}
