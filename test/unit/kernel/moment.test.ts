import { describe, expect, test } from 'vitest';

import {
  formatAge,
  formatLocal,
  formatSeconds,
  formatUtc,
  readMoment,
} from '../../../src/kernel/moment.ts';

const BERLIN = 'Europe/Berlin';
const NOW = Temporal.Instant.from('2026-11-22T15:03:00Z');

function at(text: string): Temporal.Instant {
  return Temporal.Instant.from(text);
}

describe('readMoment()', () => {
  test('reads a bare time as the most recent such moment in the asker’s zone', () => {
    expect(readMoment('15:46', BERLIN, NOW)).toEqual({
      outcome: 'moment',
      at: at('2026-11-22T14:46:00Z'),
    });
    expect(readMoment('16:46', BERLIN, NOW)).toEqual({
      outcome: 'moment',
      at: at('2026-11-21T15:46:00Z'),
    });
  });

  test('reads a bare time past midnight as yesterday evening', () => {
    const now = at('2026-11-22T00:10:00Z');

    expect(readMoment('23:50', 'UTC', now)).toEqual({
      outcome: 'moment',
      at: at('2026-11-21T23:50:00Z'),
    });
  });

  test('keeps seconds and their fraction, and accepts a single-digit hour', () => {
    expect(readMoment('9:05:07.25', 'UTC', NOW)).toEqual({
      outcome: 'moment',
      at: at('2026-11-22T09:05:07.25Z'),
    });
  });

  test('reads a date with a time in the zone, with a space or a T', () => {
    const expected = { outcome: 'moment', at: at('2026-11-20T13:00:00Z') };

    expect(readMoment('2026-11-20 14:00', BERLIN, NOW)).toEqual(expected);
    expect(readMoment('2026-11-20T14:00', BERLIN, NOW)).toEqual(expected);
  });

  test('an offset or Z wins over the zone', () => {
    expect(readMoment('2026-11-20 14:00Z', BERLIN, NOW)).toEqual({
      outcome: 'moment',
      at: at('2026-11-20T14:00:00Z'),
    });
    expect(readMoment('2026-11-20T14:00+02:00', BERLIN, NOW)).toEqual({
      outcome: 'moment',
      at: at('2026-11-20T12:00:00Z'),
    });
  });

  test('a time that happened twice is an outcome with both readings', () => {
    expect(readMoment('2026-10-25 02:30', BERLIN, NOW)).toEqual({
      outcome: 'twice',
      first: at('2026-10-25T00:30:00Z'),
      second: at('2026-10-25T01:30:00Z'),
    });
  });

  test('a time that never happened is an outcome with the moments around the gap', () => {
    expect(readMoment('2026-03-29 02:30', BERLIN, NOW)).toMatchObject({ outcome: 'never' });
  });

  test.each(['', 'yesterday', '25:00', '12:60', '2026-13-01 10:00', '14', '2026-11-20'])(
    'does not guess at "%s"',
    (text) => {
      expect(readMoment(text, BERLIN, NOW)).toEqual({ outcome: 'unreadable' });
    },
  );
});

describe('the words for moments', () => {
  test('formatUtc() shows a fraction only where there is one', () => {
    expect(formatUtc(at('2026-11-22T14:46:00Z'))).toBe('2026-11-22 14:46:00 UTC');
    expect(formatUtc(at('2026-11-22T14:42:31.118Z'))).toBe('2026-11-22 14:42:31.118 UTC');
  });

  test('formatLocal() names the city, and the day when it differs from the UTC day', () => {
    expect(formatLocal(at('2026-11-22T14:46:00Z'), BERLIN)).toBe('15:46:00 Berlin');
    expect(formatLocal(at('2026-11-22T23:30:00Z'), BERLIN)).toBe('2026-11-23 00:30:00 Berlin');
  });

  test('formatAge() looks back and ahead', () => {
    expect(formatAge(at('2026-11-22T14:46:00Z'), NOW)).toBe('17 minutes ago');
    expect(formatAge(at('2026-11-22T18:03:00Z'), NOW)).toBe('in 3 hours');
    expect(formatAge(NOW, NOW)).toBe('just now');
  });

  test('formatSeconds() grows with the length', () => {
    expect([2.44, 42, 120, 372, 7200, 11_100].map(formatSeconds)).toEqual([
      '2.4 s',
      '42 s',
      '2 min',
      '6 min 12 s',
      '2 h',
      '3 h 5 min',
    ]);
  });
});
