import { expect, test } from 'vitest';

import { readUntil } from '../../../src/retention/until.ts';

const NOW = Temporal.Instant.from('2026-11-24T02:00:00Z');

function read(text: string): string {
  return readUntil(text, 'Europe/Berlin', NOW).toString();
}

test('readUntil() reads a date to its end, a moment, and a length, in the zone of whoever asks', () => {
  expect(read('2026-12-31')).toBe('2026-12-31T23:00:00Z');
  expect(read('2026-12-31T12:00:00Z')).toBe('2026-12-31T12:00:00Z');
  expect(read('2026-12-31 12:00')).toBe('2026-12-31T11:00:00Z');
  expect(read('P30D')).toBe('2026-12-24T02:00:00Z');
  expect(read('p1m')).toBe('2026-12-24T02:00:00Z');
});

test.each(['14:00', 'tomorrow', '2026-13-01', 'P', '2020-01-01', 'PT0S', ''])(
  'readUntil() refuses %j: it cannot be read, or it is over',
  (text) => {
    expect(() => read(text)).toThrow(/Cannot (read|hold until) /);
  },
);
