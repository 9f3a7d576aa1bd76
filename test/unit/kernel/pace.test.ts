import { describe, expect, test } from 'vitest';

import { type ProgressPoint, paceOf, recentPoints, sayPace } from '../../../src/kernel/pace.ts';

const MB = 1_000_000;

/** A point for each second, at so many megabytes a second. */
function steady(seconds: number, rate: number, total?: number): ProgressPoint[] {
  return Array.from({ length: seconds + 1 }, (_each, second) => ({
    atMs: second * 1000,
    doneBytes: second * rate * MB,
    totalBytes: total === undefined ? undefined : total * MB,
  }));
}

describe('paceOf()', () => {
  test('tells the rate, and the time left where the total is known', () => {
    expect(paceOf(steady(10, 50, 2000))).toEqual({ bytesPerSecond: 50 * MB, secondsLeft: 30 });
    expect(paceOf(steady(10, 50))).toEqual({ bytesPerSecond: 50 * MB, secondsLeft: undefined });
  });

  test('says nothing of the first moments, which only fill buffers', () => {
    expect(paceOf([])).toBeUndefined();
    expect(paceOf(steady(2, 50, 2000))).toBeUndefined();
  });

  test('forecasts nothing while work stands still, is beyond its estimate, or would take weeks', () => {
    expect(paceOf(steady(10, 0, 2000))).toEqual({ bytesPerSecond: 0, secondsLeft: undefined });
    expect(paceOf(steady(10, 50, 400))?.secondsLeft).toBeUndefined();
    expect(paceOf(steady(10, 1, 2_000_000))?.secondsLeft).toBeUndefined();
  });
});

describe('recentPoints()', () => {
  test('keeps the past minute, so that a store that has become slow is seen', () => {
    let points: readonly ProgressPoint[] = steady(100, 50, 9000);
    for (let second = 101; second <= 170; second++)
      points = recentPoints(points, {
        atMs: second * 1000,
        doneBytes: 5000 * MB,
        totalBytes: 9000 * MB,
      });

    expect(points).toHaveLength(61);
    expect(paceOf(points)?.bytesPerSecond).toBe(0);
  });

  test('begins anew when the work does', () => {
    const again = { atMs: 11_000, doneBytes: 0 };

    expect(recentPoints(steady(10, 50), again)).toEqual([again]);
  });
});

describe('sayPace()', () => {
  test.each([
    [42, '84.2 MB/s, about 50 s left'],
    [4, '84.2 MB/s, about 10 s left'],
    [200, '84.2 MB/s, about 4 min left'],
    [7300, '84.2 MB/s, about 2 h 10 min left'],
    [undefined, '84.2 MB/s'],
  ])('says %s seconds no more precisely than anybody can know', (secondsLeft, words) => {
    expect(sayPace({ bytesPerSecond: 84_200_000, secondsLeft })).toBe(words);
  });

  test('says nothing when nothing is known', () => {
    expect(sayPace(undefined)).toBe('');
  });
});
