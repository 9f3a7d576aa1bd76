/** Tests of the room a restore needs. */
import { expect, test } from 'vitest';

import { assertRoom, roomNeeded } from '../../../src/clusters/room.ts';

test('roomNeeded() is more than the data, and counts WAL only up to what replay keeps', () => {
  const needed = roomNeeded(10_000_000_000, 50_000_000_000);

  expect(needed).toBeGreaterThan(10_500_000_000);
  expect(needed).toBeLessThan(12_000_000_000);
});

test('assertRoom() refuses with both numbers', () => {
  expect(() => assertRoom('/srv', { needed: 180_000_000_000, free: 61_000_000 })).toThrow(
    'Cannot restore into "/srv": 61.0 MB are free and 180 GB are needed',
  );
  expect(() => assertRoom('/srv', { needed: 5, free: 5 })).not.toThrow();
});
