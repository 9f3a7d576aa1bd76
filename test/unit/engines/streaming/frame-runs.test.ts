import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { segmentOfPlain } from '../../../../src/encryption/tink-stream.ts';
import { frameRuns } from '../../../../src/engines/streaming/frame-runs.ts';
import type { Frame } from '../../../../src/engines/streaming/pack-format.ts';

const MIB = 1 << 20;

/** One frame of each file, with so many stored bytes. */
function frames(...stored: readonly number[]): Frame[] {
  return stored.map((bytes, file) => [bytes, 100, [[file, 0, 100]]]);
}

describe('frameRuns()', () => {
  test('reads what lies together at once, and what lies far apart by itself', () => {
    const pack = frames(...Array.from({ length: 12 }, () => MIB / 2));
    const runs = frameRuns(pack, (file) => [2, 3, 10].includes(file));

    expect(runs.map(({ beginSegment, endSegment }) => [beginSegment, endSegment])).toEqual([
      [1, 3],
      [5, 6],
    ]);
    expect(runs.map((run) => run.frames.map(({ beginByte }) => beginByte / MIB))).toEqual([
      [1, 1.5],
      [5],
    ]);
  });

  test('reads over a gap of one segment, which costs less than asking again', () => {
    const pack = frames(...Array.from({ length: 10 }, () => MIB));

    expect(frameRuns(pack, (file) => file === 1 || file === 4)).toHaveLength(1);
    expect(frameRuns(pack, (file) => file === 1 || file === 6)).toHaveLength(2);
  });

  test('gives nothing when nothing is wanted', () => {
    expect(frameRuns(frames(MIB, MIB), () => false)).toEqual([]);
  });

  test('holds every wanted frame once, inside its run', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 3 * MIB }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 7 }), (stored, every) => {
        const pack = frames(...stored);
        const runs = frameRuns(pack, (file) => file % every === 0);
        const found = runs.flatMap((run) =>
          run.frames.map((frame) => {
            expect(segmentOfPlain(frame.beginByte)).toBeGreaterThanOrEqual(run.beginSegment);
            const last = segmentOfPlain(frame.beginByte + frame.storedBytes - 1);
            expect(last).toBeLessThan(run.endSegment);
            return frame.extents[0]?.[0];
          }),
        );
        expect(found).toEqual(stored.flatMap((_one, file) => (file % every === 0 ? [file] : [])));
      }),
    );
  });
});
