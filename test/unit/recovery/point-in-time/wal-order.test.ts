/** Tests of the order in which replay needs segments. */
import { expect, test } from 'vitest';

import { lsnBytes, toLsn } from '../../../../src/kernel/lsn.ts';
import { segmentNameAt } from '../../../../src/kernel/wal-name.ts';
import type { WalPath } from '../../../../src/recovery/coverage.ts';
import {
  bytesHeld,
  mustExist,
  segmentsFrom,
} from '../../../../src/recovery/point-in-time/wal-order.ts';

const SIZE = 16 << 20;
const PATH: WalPath = {
  runs: [
    { timeline: 1, fromLsn: toLsn('0/1000000'), toLsn: toLsn('0/4000000') },
    // Its first segment begins with a copy of the old timeline's.
    { timeline: 2, fromLsn: toLsn('0/3000000'), toLsn: toLsn('0/6000100') },
  ],
  timeline: 2,
  fromLsn: toLsn('0/1000028'),
  toLsn: toLsn('0/6000100'),
  missing: [],
  broken: false,
};

function named(timeline: number, lsn: string) {
  return segmentNameAt(timeline, toLsn(lsn), SIZE);
}

test('segmentsFrom() goes over to the newer timeline where it begins, and leaves out the last one', () => {
  const from = lsnBytes(toLsn('0/1800000'));
  const until = lsnBytes(PATH.toLsn);

  expect(segmentsFrom(PATH, SIZE, { from, until, count: 9 })).toEqual([
    named(1, '0/1000000'),
    named(1, '0/2000000'),
    named(2, '0/3000000'),
    named(2, '0/4000000'),
    named(2, '0/5000000'),
  ]);
});

test('segmentsFrom() goes no further than asked', () => {
  const from = lsnBytes(toLsn('0/1000000'));

  expect(
    segmentsFrom(PATH, SIZE, { from, until: lsnBytes(toLsn('0/2000010')), count: 9 }),
  ).toHaveLength(2);
  expect(segmentsFrom(PATH, SIZE, { from, until: lsnBytes(PATH.toLsn), count: 1 })).toHaveLength(1);
});

test('bytesHeld() counts to the end of the run, on its own timeline', () => {
  expect(bytesHeld(PATH, SIZE, named(1, '0/3000000'))).toBe(SIZE);
  expect(bytesHeld(PATH, SIZE, named(1, '0/4000000'))).toBe(0);
  expect(bytesHeld(PATH, SIZE, named(2, '0/6000000'))).toBe(0x100);
  expect(bytesHeld(PATH, SIZE, named(2, '0/7000000'))).toBe(0);
  expect(bytesHeld(PATH, SIZE, named(2, '0/2000000'))).toBe(0);
});

test('mustExist() takes what lies inside the path, and behind it where more is stored behind a hole', () => {
  expect(mustExist(PATH, SIZE, named(1, '0/3000000'))).toBe(true);
  expect(mustExist(PATH, SIZE, named(2, '0/6000000'))).toBe(true);
  expect(mustExist(PATH, SIZE, named(2, '0/7000000'))).toBe(false);
  expect(mustExist({ ...PATH, broken: true }, SIZE, named(2, '0/7000000'))).toBe(true);
  expect(mustExist(PATH, SIZE, named(1, '0/5000000'))).toBe(false);
});
