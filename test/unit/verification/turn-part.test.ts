/** Tests of whose turn it is, over generated first days. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { PARTS, partOfDay } from '../../../src/verification/turn-part.ts';

const WEEKS = 30;

test.each([
  ['daily', [0, 1, 2, 3, 4, 5, 6]],
  ['weekly', [2]],
  ['from Monday to Friday', [0, 1, 2, 3, 4]],
])('%s, one to three stores that take turns each meet every part', (_, weekdays) => {
  const starts = fc.integer({ min: 0, max: 40_000 });
  fc.assert(
    fc.property(starts, fc.integer({ min: 1, max: 3 }), (start, stores) => {
      const met = Array.from({ length: stores }, () => new Set<number>());
      let proofs = 0;
      for (let day = 0; day < WEEKS * 7; day++) {
        if (!weekdays.includes((start + day) % 7)) continue;
        const now = Temporal.Instant.fromEpochMilliseconds((start + day) * 86_400_000);
        met[proofs++ % stores]?.add(partOfDay(now));
      }
      expect(met.map(({ size }) => size)).toEqual(met.map(() => PARTS));
    }),
  );
});
