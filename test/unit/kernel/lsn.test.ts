import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  compareLsn,
  isLsn,
  lsnBytes,
  lsnFromBytes,
  sortableLsn,
  toLsn,
} from '../../../src/kernel/lsn.ts';

const position = fc.bigInt({ min: 0n, max: 0xff_ff_ff_ff_ff_ff_ff_ffn });

describe('log positions', () => {
  test('survive the way to bytes and back', () => {
    fc.assert(
      fc.property(position, (bytes) => {
        expect(lsnBytes(lsnFromBytes(bytes))).toBe(bytes);
      }),
    );
  });

  test('sort as text in the order of their bytes, which PostgreSQL’s own form does not', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const [x, y] = [lsnFromBytes(a), lsnFromBytes(b)];
        expect(sortableLsn(x) < sortableLsn(y)).toBe(compareLsn(x, y) < 0);
      }),
    );
    expect(compareLsn(toLsn('0/10000000'), toLsn('0/9000000'))).toBe(1);
  });

  test.each(['', '0', '0/', '/0', '0/123456789', 'g/0', '0/16B3748 '])(
    '"%s" is not one',
    (text) => {
      expect(isLsn(text)).toBe(false);
    },
  );
});
