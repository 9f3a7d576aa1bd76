/** Moments as a reader in a zone sees and enters them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  dayName,
  epochOfWallTime,
  formatSlackDate,
  shortTime,
  wallTime,
} from '../../../../src/workspace/shared/moments.ts';

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];
const AT = Temporal.Instant.from('2026-11-22T14:42:31Z').epochMilliseconds / 1000;

describe('wallTime()', () => {
  test('shows the clock on the reader’s wall', () => {
    expect(wallTime(AT, 'Europe/Berlin')).toBe('2026-11-22T15:42:31');
    expect(shortTime(AT, 'America/New_York')).toBe('09:42');
  });
});

describe('epochOfWallTime()', () => {
  test('reads back what wallTime() shows, but for the hour that happens twice', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_600_000_000, max: 2_000_000_000 }),
        fc.constantFrom(...ZONES),
        (epoch, zone) => {
          const back = epochOfWallTime(wallTime(epoch, zone), zone) ?? 0;
          expect(wallTime(back, zone)).toBe(wallTime(epoch, zone));
          expect(Math.abs(back - epoch)).toBeLessThanOrEqual(3600);
        },
      ),
    );
  });

  test('agrees with Temporal on ordinary days', () => {
    const wall = '2026-07-01T08:30:00';
    const exact = Temporal.PlainDateTime.from(wall).toZonedDateTime('Europe/Berlin');

    expect(epochOfWallTime(wall, 'Europe/Berlin')).toBe(exact.epochMilliseconds / 1000);
  });

  test('answers nothing for what is no moment', () => {
    expect(epochOfWallTime('', 'UTC')).toBeUndefined();
  });
});

describe('formatSlackDate()', () => {
  const reader = { zone: 'Europe/Berlin', nowSeconds: AT + 17 * 60 };

  test.each([
    ['{date_num} {time_secs}', '2026-11-22 15:42:31'],
    ['{date_short}', '22 Nov 2026'],
    ['{date_long}', 'Sunday, 22 November 2026'],
    ['{date_pretty} at {time}', 'today at 15:42'],
    ['{ago}', '17 min ago'],
    ['{nonsense}', '{nonsense}'],
  ])('fills %s', (format, shown) => {
    expect(formatSlackDate(AT, format, reader)).toBe(shown);
  });
});

describe('dayName()', () => {
  test('says today and yesterday in the reader’s zone, and the date before that', () => {
    expect(dayName(AT, 'UTC', AT + 60)).toBe('Today');
    expect(dayName(AT, 'UTC', AT + 86_400)).toBe('Yesterday');
    expect(dayName(AT, 'UTC', AT + 10 * 86_400)).toBe('Sunday 22 November');
  });
});
