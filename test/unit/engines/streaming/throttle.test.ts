import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Throttle } from '../../../../src/engines/streaming/throttle.ts';

describe('Throttle', () => {
  test('asks for nothing until what came is paid for', () => {
    const throttle = new Throttle(1000);

    throttle.take(600, 0);

    expect(throttle.waitMs(0)).toBe(500);
    expect(throttle.waitMs(400)).toBe(100);
    expect(throttle.waitMs(500)).toBe(0);
  });

  test('lets a burst of a tenth of a second pass after a rest, however long that was', () => {
    const throttle = new Throttle(1000);
    throttle.take(100, 0);

    throttle.take(100, 3_600_000);

    expect(throttle.waitMs(3_600_000)).toBe(0);
    throttle.take(1, 3_600_000);
    expect(throttle.waitMs(3_600_000)).toBe(1);
  });

  test('keeps to its rate whatever the reads are, for whoever waits as long as it says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1024, max: 1 << 30 }),
        fc.array(fc.integer({ min: 1, max: 1 << 18 }), { minLength: 2, maxLength: 200 }),
        (rate, reads) => {
          const throttle = new Throttle(rate);
          let [nowMs, taken] = [0, 0];
          for (const bytes of reads) {
            nowMs += throttle.waitMs(nowMs);
            throttle.take(bytes, nowMs);
            taken += bytes;
          }
          // The last read is not waited for, and the burst came for nothing.
          const allowed = (rate / 1000) * (nowMs + 101) + (reads.at(-1) ?? 0);
          expect(taken).toBeLessThanOrEqual(allowed);
        },
      ),
    );
  });
});
