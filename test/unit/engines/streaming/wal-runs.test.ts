import { expect, test } from 'vitest';
import { findRuns, joinTails } from '../../../../src/engines/streaming/wal-runs.ts';
import { lsnFromBytes } from '../../../../src/kernel/lsn.ts';

const SIZE = 16;

function piece(from: number, to: number, timeline = 1): Parameters<typeof findRuns>[0][number] {
  return { timeline, from: BigInt(from), to: BigInt(to) };
}

test('joins segments and the tail that follows on them into one run', () => {
  const pieces = [piece(48, 52), piece(16, 32), piece(32, 48), piece(52, 60)];

  const { runs, holes } = findRuns(pieces, SIZE);

  expect(runs).toEqual([{ timeline: 1, fromLsn: '0/10', toLsn: '0/3C' }]);
  expect(holes).toEqual([]);
});

test('names every segment that is missing, and the one that has only its beginning', () => {
  const pieces = [piece(16, 32), piece(32, 40), piece(80, 96)];

  const { runs, holes } = findRuns(pieces, SIZE);

  expect(runs.map(({ toLsn }) => toLsn)).toEqual(['0/28', '0/60']);
  expect(holes.map(({ lsn }) => lsn)).toEqual(['0/20', '0/30', '0/40']);
});

test('does not count a tail whose beginning is missing', () => {
  const { runs, holes } = findRuns([piece(16, 32), piece(36, 40)], SIZE);

  expect(runs.map(({ toLsn }) => toLsn)).toEqual(['0/20']);
  expect(holes).toEqual([]);
});

test('sees no hole where a new timeline begins inside a segment of the old one', () => {
  const { runs, holes } = findRuns([piece(16, 32), piece(32, 40), piece(32, 48, 2)], SIZE);

  expect(runs.map(({ timeline }) => timeline)).toEqual([1, 2]);
  expect(holes).toEqual([]);
});

test('joinTails() follows the longest unbroken chain and leaves what others cover', () => {
  const tails = [piece(16, 20), piece(16, 26), piece(20, 22), piece(26, 30), piece(31, 32)];

  const chain = joinTails(16n, tails);

  expect(chain.at(-1)?.to).toBe(30n);
  expect(joinTails(15n, tails)).toEqual([]);
});

test('what was thinned out on purpose is no hole, and what is missing behind it is', () => {
  const pieces = [piece(0, 16), piece(48, 64), piece(80, 96)];
  const thinned = [{ timeline: 1, lsn: lsnFromBytes(48n) }];

  expect(findRuns(pieces, SIZE, thinned).holes).toEqual([{ timeline: 1, lsn: lsnFromBytes(64n) }]);
  expect(findRuns(pieces, SIZE).holes).toHaveLength(3);
  expect(findRuns(pieces, SIZE, [{ timeline: 1, lsn: lsnFromBytes(200n) }]).holes).toEqual([]);
});

test('joinTails() takes the joined one for all that it holds', () => {
  const tails = [
    { from: 0n, to: 2n },
    { from: 0n, to: 9n },
    { from: 2n, to: 9n },
    { from: 9n, to: 11n },
    { from: 12n, to: 14n },
  ];

  expect(joinTails(0n, tails)).toEqual([
    { from: 0n, to: 9n },
    { from: 9n, to: 11n },
  ]);
});
