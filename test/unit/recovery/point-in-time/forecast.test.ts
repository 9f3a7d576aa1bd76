/** Tests of forecasting how long a restore takes. */
import { expect, test } from 'vitest';

import { forecastRestore, ratesOf } from '../../../../src/recovery/point-in-time/forecast.ts';

const SIZES = { sourceBytes: 10_000_000_000, walBytes: 3_000_000_000 };

test('forecastRestore() says that it guesses when nothing was measured', () => {
  const forecast = forecastRestore(SIZES, []);

  expect(forecast.basis).toBe('a guess');
  expect(forecast.seconds).toBe(205);
  expect(forecast.fromSeconds).toBeLessThan(forecast.seconds);
  expect(forecast.toSeconds).toBeGreaterThan(forecast.seconds);
});

test('forecastRestore() takes the middle of what was measured, and its range holds all of it', () => {
  const rates = [50, 100, 400].map((mb) => ({
    restoreBytes: mb * 1_000_000,
    replayBytes: mb * 1_000_000,
  }));

  const forecast = forecastRestore(SIZES, rates);

  expect(forecast).toEqual({
    seconds: 135,
    fromSeconds: 36,
    toSeconds: 265,
    basis: '3 earlier restores',
  });
});

test('ratesOf() reads what ended restores measured, and passes over everything else', () => {
  const measured = {
    sourceBytes: 1_000_000_000,
    walBytes: 600_000_000,
    restoreSeconds: 10,
    replaySeconds: 10,
  };

  expect(
    ratesOf([{ measured }, null, 'x', { measured: { ...measured, restoreSeconds: 0 } }]),
  ).toEqual([{ restoreBytes: 100_000_000, replayBytes: 60_000_000 }]);
});
