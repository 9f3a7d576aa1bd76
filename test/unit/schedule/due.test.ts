/** When a schedule was last due and is due next, also on the days the clocks change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isProblem, type Problem } from '../../../src/kernel/problem.ts';
import { readCron } from '../../../src/schedule/cron-timer.ts';
import { lastDue, nextDue } from '../../../src/schedule/due.ts';

function dueText(cron: string, zone: string, now: string): string | undefined {
  return lastDue(readCron('test', cron), zone, Temporal.Instant.from(now))?.toString();
}

describe('lastDue()', () => {
  test.each([
    ['0 2 * * *', '2026-11-22T14:46:00Z', '2026-11-22T02:00:00Z'],
    ['0 2 * * *', '2026-11-22T01:59:59Z', '2026-11-21T02:00:00Z'],
    ['0 2 * * *', '2026-11-22T02:00:00Z', '2026-11-22T02:00:00Z'],
    ['*/15 * * * *', '2026-11-22T14:46:00Z', '2026-11-22T14:45:00Z'],
    ['30 4 1 * *', '2026-11-22T14:46:00Z', '2026-11-01T04:30:00Z'],
    ['30 4 L * *', '2026-11-22T14:46:00Z', '2026-10-31T04:30:00Z'],
    ['0 3 * * 0', '2026-11-24T14:46:00Z', '2026-11-22T03:00:00Z'],
    ['0 3 * * MON#2', '2026-11-24T14:46:00Z', '2026-11-09T03:00:00Z'],
    ['0 0 29 2 *', '2026-11-24T14:46:00Z', '2024-02-29T00:00:00Z'],
    ['15 30 4 * * *', '2026-11-22T04:30:20Z', '2026-11-22T04:30:15Z'],
  ])('"%s" at %s was last due at %s', (cron, now, due) => {
    expect(dueText(cron, 'UTC', now)).toBe(due);
  });

  test('reads the expression in its zone', () => {
    expect(dueText('0 2 * * *', 'Europe/Berlin', '2026-11-22T14:46:00Z')).toBe(
      '2026-11-22T01:00:00Z',
    );
  });

  test('is due right after the gap when the clocks skip its time, because late is better than never', () => {
    const at = dueText('30 2 * * *', 'Europe/Berlin', '2026-03-29T12:00:00Z');

    expect(at).toBe('2026-03-29T01:30:00Z');
  });

  test('is due once when the clocks repeat its time', () => {
    const first = dueText('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z');
    const second = dueText('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:45:00Z');

    expect(first).toBe('2026-10-25T00:30:00Z');
    expect(second).toBe('2026-10-25T00:30:00Z');
  });

  test('is due in both repeated hours when every hour is meant', () => {
    expect(dueText('30 * * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z')).toBe(
      '2026-10-25T00:30:00Z',
    );
    expect(dueText('30 * * * *', 'Europe/Berlin', '2026-10-25T01:45:00Z')).toBe(
      '2026-10-25T01:30:00Z',
    );
  });

  test('is undefined for a day that never comes', () => {
    const fields = { ...readCron('test', '0 0 29 2 *'), dayOfMonth: [30] };

    expect(lastDue(fields, 'UTC', Temporal.Instant.from('2026-11-22T14:46:00Z'))).toBeUndefined();
  });

  test('never answers a moment after now, and the same moment until the next one', () => {
    const minutes = fc.integer({ min: 0, max: 60 * 24 * 366 });
    fc.assert(
      fc.property(minutes, fc.integer({ min: 0, max: 59 }), (offset, minute) => {
        const now = Temporal.Instant.from('2026-01-01T00:00:00Z').add({ minutes: offset });
        const due = lastDue(readCron('test', `${minute} * * * *`), 'Europe/Berlin', now);

        const lateMs = now.epochMilliseconds - (due?.epochMilliseconds ?? Number.NaN);
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThan(3_600_000);
      }),
    );
  });
});

describe('readCron()', () => {
  test.each(['', 'every day', '0 25 * * *', '0 2 * *', '0 0 30 2 *'])('refuses "%s"', (cron) => {
    expect(() => readCron('backup:shop', cron)).toThrow(/Cannot read the schedule/);
  });

  test('names the schedule and is the fault of the request', () => {
    const error = problemOf('nonsense');

    expect(error.kind.fault).toBe('request');
    expect(error.message).toContain('backup:shop');
  });
});

function problemOf(cron: string): Problem {
  try {
    readCron('backup:shop', cron);
  } catch (error) {
    if (isProblem(error)) return error;
    throw error;
  }
  throw new Error('It was read');
}

describe('nextDue()', () => {
  test.each([
    ['0 4 * * *', 'UTC', '2026-11-22T03:59:59Z', '2026-11-22T04:00:00Z'],
    ['0 4 * * *', 'UTC', '2026-11-22T04:00:00Z', '2026-11-23T04:00:00Z'],
    ['0 4 * * *', 'Europe/Berlin', '2026-11-22T14:46:00Z', '2026-11-23T03:00:00Z'],
    ['0 5 * * 0', 'UTC', '2026-11-24T14:46:00Z', '2026-11-29T05:00:00Z'],
    ['*/15 * * * *', 'UTC', '2026-11-22T23:50:00Z', '2026-11-23T00:00:00Z'],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T01:30:00Z'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z', '2026-10-26T01:30:00Z'],
    ['30 * * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z', '2026-10-25T01:30:00Z'],
    ['0 0 29 2 *', 'UTC', '2026-11-24T14:46:00Z', '2028-02-29T00:00:00Z'],
  ])('"%s" in %s at %s is due next at %s', (cron, zone, now, due) => {
    const next = nextDue(readCron('test', cron), zone, Temporal.Instant.from(now));

    expect(next?.toString()).toBe(due);
  });

  test('is the moment that lastDue() answers once it has come, for any moment of two years', () => {
    const fields = readCron('test', '30 2 * * 1,4');
    const begin = Temporal.Instant.from('2026-01-01T00:00:00Z').epochMilliseconds;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * 365 * 24 * 60 }), (minutes) => {
        const now = Temporal.Instant.fromEpochMilliseconds(begin + minutes * 60_000);
        const next = nextDue(fields, 'Europe/Berlin', now);
        if (next === undefined) throw new Error('There is one each week');
        expect(lastDue(fields, 'Europe/Berlin', next)?.toString()).toBe(next.toString());
        const before = next.subtract({ milliseconds: 1 });
        const last = lastDue(fields, 'Europe/Berlin', before);
        expect(last === undefined || Temporal.Instant.compare(last, now) <= 0).toBe(true);
      }),
    );
  });
});
