import { expect, test } from 'vitest';

import { holeRanges, judgeCoverage, readBase } from '../../../src/archiving/coverage.ts';
import type { WalFork, WalInventory, WalRun } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { isSegmentName, type SegmentName } from '../../../src/kernel/wal-name.ts';
import { followWal } from '../../../src/recovery/coverage.ts';

const SEGMENT_BYTES = 1 << 24;
const BASE = {
  systemId: '73',
  timeline: 1,
  segmentBytes: SEGMENT_BYTES,
  beginLsn: toLsn('0/3000028'),
};

test('judgeCoverage() finds no hole where replay reaches all that was told as stored', () => {
  expect(judge([run(1, '0/3000000', '0/9000100')], '0/9000100')).toEqual({ outcome: 'unbroken' });
});

test('judgeCoverage() tells a hole from where replay ends to where log is stored again', () => {
  const runs = [run(1, '0/3000000', '0/5000000'), run(1, '0/7000000', '0/9000100')];

  expect(judge(runs, '0/9000100')).toMatchObject({
    outcome: 'broken',
    hole: { timeline: 1, fromLsn: '0/5000000', toLsn: '0/7000000' },
  });
});

test('judgeCoverage() tells of log that vanished at the end, as far as it was told as stored', () => {
  expect(judge([run(1, '0/3000000', '0/5000000')], '0/9000100')).toMatchObject({
    hole: { fromLsn: '0/5000000', toLsn: '0/9000100' },
  });
});

test('judgeCoverage() tells a hole from the base on where not even its own log is stored', () => {
  expect(judge([run(1, '0/7000000', '0/9000100')], '0/9000100')).toMatchObject({
    hole: { fromLsn: '0/3000028', toLsn: '0/7000000' },
  });
});

test('judgeCoverage() follows a timeline only with its history', () => {
  const runs = [run(1, '0/3000000', '0/5800000'), run(2, '0/5000000', '0/9000100')];
  const progress = { systemId: '73', timeline: 2, storedLsn: '0/9000100' };
  const facts = { base: BASE, progress };

  const known = inventory(runs, ['00000002.history']);
  expect(judgeCoverage({ ...facts, inventory: known }, followWal).outcome).toBe('unbroken');
  expect(judgeCoverage({ ...facts, inventory: inventory(runs) }, followWal)).toMatchObject({
    outcome: 'broken',
    hole: { timeline: 2, fromLsn: '0/5800000', toLsn: '0/9000100' },
  });
});

test('judgeCoverage() knows nothing while another cluster, or nothing at all, was told of', () => {
  const facts = { base: BASE, inventory: inventory([]) };
  const [other, none] = [
    { systemId: '74', timeline: 1, storedLsn: '0/9000000' },
    { systemId: '73', timeline: 1, storedLsn: '0/0' },
  ];

  expect(judgeCoverage({ ...facts, progress: other }, followWal).outcome).toBe('unknown');
  expect(judgeCoverage({ ...facts, progress: none }, followWal).outcome).toBe('unknown');
});

test('judgeCoverage() knows nothing while the timeline of the base was not told of', () => {
  const runs = [run(1, '0/3000000', '0/5000000'), run(1, '0/6000000', '0/9000000')];
  const progress = { systemId: '73', timeline: 1, storedLsn: '0/9000000' };
  const base = { ...BASE, timeline: 2 };

  expect(judgeCoverage({ base, inventory: inventory(runs), progress }, followWal).outcome).toBe(
    'unknown',
  );
});

test('judgeCoverage() tells no hole that ends where it begins', () => {
  expect(judge([], '0/3000000').outcome).toBe('unknown');
});

test('judgeCoverage() tells of a timeline without a history from its own beginning', () => {
  const runs = [run(1, '0/3000000', '0/9000000'), run(2, '0/6000000', '0/7000000')];

  expect(judgeForks(runs, [], 2)).toMatchObject({
    hole: { timeline: 2, fromLsn: '0/6000000', toLsn: '0/7000000' },
  });
});

test('judgeCoverage() tells what a newer timeline lacks from where it branched off', () => {
  const runs = [run(1, '0/3000000', '0/9000000'), run(2, '0/7000000', '0/7800000')];

  expect(judgeForks(runs, [fork(2, 1, '0/5800000')], 2)).toMatchObject({
    outcome: 'broken',
    hole: { timeline: 2, fromLsn: '0/5800000', toLsn: '0/7000000' },
  });
});

test('judgeCoverage() asks for no timeline that was given up', () => {
  const runs = [
    run(1, '0/3000000', '0/5800000'),
    run(2, '0/4000000', '0/5000000'),
    run(3, '0/5000000', '0/7800000'),
  ];

  expect(judgeForks(runs, [fork(2, 1, '0/4800000'), fork(3, 1, '0/5800000')], 3)).toEqual({
    outcome: 'unbroken',
  });
});

test('holeRanges() takes segments that follow on each other for one hole, over a change of the high part', () => {
  const names = [
    '0000000100000000000000FE',
    '0000000100000000000000FF',
    '000000010000000100000000',
  ];

  expect(holeRanges([...names, '000000010000000100000004'].map(segment), SEGMENT_BYTES)).toEqual([
    {
      timeline: 1,
      first: names[0],
      last: names[2],
      fromLsn: '0/FE000000',
      toLsn: '1/1000000',
      segments: 3,
      bytes: 3 * SEGMENT_BYTES,
    },
    expect.objectContaining({ first: '000000010000000100000004', segments: 1 }),
  ]);
});

test('readBase() takes nothing for a base that lacks a position', () => {
  expect(readBase({ backupId: '20261122T010000Z', systemId: '73' })).toBeUndefined();
});

function judge(runs: readonly WalRun[], storedLsn: string): ReturnType<typeof judgeCoverage> {
  const progress = { systemId: '73', timeline: 1, storedLsn };
  return judgeCoverage({ base: BASE, inventory: inventory(runs), progress }, followWal);
}

function judgeForks(
  runs: readonly WalRun[],
  forks: readonly WalFork[],
  timeline: number,
): ReturnType<typeof judgeCoverage> {
  const progress = { systemId: '73', timeline, storedLsn: runs.at(-1)?.toLsn ?? '0/0' };
  const stored = { ...inventory(runs), forks };
  return judgeCoverage({ base: BASE, inventory: stored, progress }, followWal);
}

function fork(timeline: number, parent: number, lsn: string): WalFork {
  return { timeline, parent, lsn: toLsn(lsn) };
}

function inventory(runs: readonly WalRun[], histories: readonly string[] = []): WalInventory {
  return { runs, missing: [], histories, segments: 0, storedBytes: 0 };
}

function run(timeline: number, from: string, to: string): WalRun {
  return { timeline, fromLsn: toLsn(from), toLsn: toLsn(to) };
}

function segment(name: string): SegmentName {
  if (!isSegmentName(name)) throw new TypeError(name);
  return name;
}
