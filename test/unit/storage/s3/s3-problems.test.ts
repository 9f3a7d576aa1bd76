import { expect, test } from 'vitest';

import { parseHttpDate } from '../../../../src/storage/s3/s3-problems.ts';

test('reads the date of an answer, and nothing else', () => {
  expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')?.toString()).toBe('1994-11-06T08:49:37Z');
  for (const text of [undefined, '', 'yesterday', 'Sun, 06 Nox 1994 08:49:37 GMT', '1994-11-06'])
    expect(parseHttpDate(text)).toBeUndefined();
});
