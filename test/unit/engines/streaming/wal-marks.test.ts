import fc from 'fast-check';
import { expect, test } from 'vitest';

import { DurableMark, StoredAge } from '../../../../src/engines/streaming/wal-marks.ts';

test('is never ahead of a part that is not stored, in whatever order parts are stored', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 });
  const shuffled = lengths.chain((parts) => {
    let at = 100;
    const ranges = parts.map((length) => {
      at += length;
      return { from: BigInt(at - length), to: BigInt(at) };
    });
    return fc
      .shuffledSubarray(ranges, { minLength: ranges.length })
      .map((order) => ({ ranges, order }));
  });
  fc.assert(
    fc.property(shuffled, ({ ranges, order }) => {
      const mark = new DurableMark(100n);
      const stored = new Set<bigint>();
      for (const range of order) {
        mark.add(range.from, range.to);
        stored.add(range.from);

        const firstMissing = ranges.find(({ from }) => !stored.has(from));
        expect(mark.value).toBe(firstMissing?.from ?? ranges.at(-1)?.to);
      }
    }),
  );
});

test('counts a whole segment that covers its tails once', () => {
  const mark = new DurableMark(0n);
  mark.add(0n, 10n);
  mark.add(32n, 40n);
  mark.add(0n, 16n);

  expect(mark.value).toBe(16n);

  mark.add(16n, 32n);
  expect(mark.value).toBe(40n);
});

function second(seconds: number): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
}

test('tells the newest moment of which everything is stored', () => {
  const age = new StoredAge();
  expect(age.completeAt(5n)).toBeUndefined();
  age.told(10n, second(1));
  age.told(20n, second(2));
  age.told(30n, second(3));

  expect(age.completeAt(5n)).toBeUndefined();
  expect(age.completeAt(25n)?.toString()).toBe(second(2).toString());
  expect(age.completeAt(30n)?.toString()).toBe(second(3).toString());
});

test('goes on from the true time when a clock that ran ahead is set right', () => {
  const age = new StoredAge();
  age.told(10n, second(7200));
  age.told(20n, second(60));
  age.told(30n, second(61));

  expect(age.completeAt(20n)?.toString()).toBe(second(60).toString());
  expect(age.completeAt(30n)?.toString()).toBe(second(61).toString());
});

test('grows with a server that says again that nothing is new', () => {
  const age = new StoredAge();
  age.told(10n, second(1));
  age.told(10n, second(60));

  expect(age.completeAt(10n)?.toString()).toBe(second(60).toString());
  age.told(10n, second(90));
  expect(age.completeAt(10n)?.toString()).toBe(second(90).toString());
});
