/** Where stored log lies in a server's history of timelines. */
import { expect, test } from 'vitest';

import {
  placeInHistory,
  readFork,
  readTimelines,
  type StoredEnd,
} from '../../../../src/engines/streaming/wal-history.ts';
import { WAL_REMOVED } from '../../../../src/engines/streaming/wal-problems.ts';
import { type Lsn, toLsn } from '../../../../src/kernel/lsn.ts';
import { isProblem } from '../../../../src/kernel/problem.ts';

/** Timeline 2 branched off before that, and was given up. */
const HISTORY = '1\t0/7000000\tno recovery target specified\n\n';
const TIMELINES = readTimelines(HISTORY, 3);

test('goes on where the stored log ends, on a timeline the server has left only later', async () => {
  const place = { timeline: 1, lsn: toLsn('0/6000000') };

  expect(await placeInHistory(place, TIMELINES, stored())).toEqual(place);
});

test('goes on where a timeline was left, however much was stored behind it', async () => {
  const place = { timeline: 1, lsn: toLsn('0/9000000') };

  expect(await placeInHistory(place, TIMELINES, stored())).toEqual({
    timeline: 3,
    lsn: '0/7000000',
  });
});

test('goes on from the newest common ancestor of a timeline that was given up', async () => {
  const place = { timeline: 2, lsn: toLsn('0/6000000') };

  expect(await placeInHistory(place, TIMELINES, stored('0/5800000'))).toEqual({
    timeline: 1,
    lsn: '0/5800000',
  });
  expect(await placeInHistory(place, TIMELINES, stored('0/9000000'))).toEqual({
    timeline: 3,
    lsn: '0/7000000',
  });
  expect(await placeInHistory(place, TIMELINES, stored())).toEqual({
    timeline: 1,
    lsn: '0/6000000',
  });
});

test('goes on nowhere when no timeline of the server is older', async () => {
  const place = { timeline: 1, lsn: toLsn('0/6000000') };

  await expect(placeInHistory(place, readTimelines('', 2), stored())).rejects.toSatisfy((error) =>
    isProblem(error, WAL_REMOVED),
  );
});

test('readFork() takes the parent from the last line', () => {
  const history = '1\t0/5000000\treason\n\n2\t0/7000028\treason\n';

  expect(readFork(history, 4)).toEqual({ timeline: 4, parent: 2, lsn: '0/7000028' });
  expect(readFork('', 2)).toBeUndefined();
});

function stored(end?: string): StoredEnd {
  const lsn: Lsn | undefined = end === undefined ? undefined : toLsn(end);
  return async () => lsn;
}
