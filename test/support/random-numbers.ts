/** Random numbers that a seed brings back, for tests that try points at random. */
import { randomInt } from 'node:crypto';

export interface RandomNumbers {
  /** To be told, so that a failure can be seen again: `DBDR_TEST_SEED` sets it. */
  readonly seed: number;
  /** In `[0, below)`. */
  next(below: number): number;
}

export function randomNumbers(): RandomNumbers {
  const named = process.env['DBDR_TEST_SEED'];
  const seed = named === undefined ? randomInt(2 ** 31) : Number(named);
  let state = seed;
  return {
    seed,
    next(below) {
      // mulberry32
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
    },
  };
}
