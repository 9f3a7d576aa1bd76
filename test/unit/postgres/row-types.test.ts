import { expect, test } from 'vitest';

import { readArray, readTimestamp } from '../../../src/postgres/row-types.ts';

test.each([
  ['2026-11-22 14:46:00.123456+00', '2026-11-22T14:46:00.123456Z'],
  ['2026-11-22 14:46:00+05:30', '2026-11-22T09:16:00Z'],
  ['0001-01-01 00:00:00+00 BC', '0000-01-01T00:00:00Z'],
  ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00Z'],
  ['12026-01-01 00:00:00+00', '+012026-01-01T00:00:00Z'],
])('readTimestamp() reads %s', (text, moment) => {
  expect(readTimestamp(text).toString()).toBe(moment);
});

test.each(['infinity', '-infinity', '294276-12-31 23:59:59+00'])(
  'readTimestamp() leaves %s as text, because no Instant reaches it',
  (text) => {
    expect(readTimestamp(text)).toBe(text);
  },
);

test('readArray() reads quotes, escapes and nulls', () => {
  expect(readArray('{a,"b,c","d\\"e\\\\",NULL,"NULL",""}')).toEqual([
    'a',
    'b,c',
    'd"e\\',
    null,
    'NULL',
    '',
  ]);
  expect(readArray('{}')).toEqual([]);
});
