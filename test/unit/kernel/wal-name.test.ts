import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { lsnBytes, lsnFromBytes, toLsn } from '../../../src/kernel/lsn.ts';
import {
  historyName,
  isSegmentName,
  segmentBegin,
  segmentNameAt,
  segmentPlace,
} from '../../../src/kernel/wal-name.ts';

const SEGMENT_BYTES = 16 << 20;

describe('segment names', () => {
  test('are those pg_walfile_name() gives', () => {
    expect(segmentNameAt(1, toLsn('0/16B3748'), SEGMENT_BYTES)).toBe('000000010000000000000001');
    expect(segmentNameAt(2, toLsn('5/3A91F228'), SEGMENT_BYTES)).toBe('00000002000000050000003A');
  });

  test('tell their place for every position, timeline and segment size', () => {
    const sizes = fc.constantFrom(1 << 20, 16 << 20, 64 << 20, 1 << 30);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1n << 60n }),
        fc.integer({ min: 1, max: 2 ** 31 }),
        sizes,
        (bytes, timeline, size) => {
          const lsn = lsnFromBytes(bytes);
          const place = segmentPlace(segmentNameAt(timeline, lsn, size), size);

          expect(place).toEqual({ timeline, beginLsn: segmentBegin(lsn, size) });
          expect(bytes - lsnBytes(place.beginLsn) < BigInt(size)).toBe(true);
        },
      ),
    );
  });

  test('a history file or a partial is not one', () => {
    expect(isSegmentName(historyName(2))).toBe(false);
    expect(isSegmentName('000000010000000000000001.partial')).toBe(false);
    expect(historyName(2)).toBe('00000002.history');
  });
});
