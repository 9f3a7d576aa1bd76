/** Which log is followed where the store has several timelines. */
import { expect, test } from 'vitest';

import type { WalFork, WalInventory, WalRun } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { followWal } from '../../../src/recovery/coverage.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

/** The first timeline has more than the second one, which branched off before, ever took over. */
const INVENTORY: WalInventory = {
  runs: [
    { timeline: 1, fromLsn: toLsn('0/2000000'), toLsn: toLsn('0/5000000') },
    { timeline: 2, fromLsn: toLsn('0/3000000'), toLsn: toLsn('0/8000000') },
  ],
  missing: [],
  histories: ['00000002.history'],
  segments: 8,
  storedBytes: 1,
};

test('followWal() goes onto the newest timeline unless it is told which is the newest', () => {
  expect(followWal(sampleBackup(), INVENTORY)?.timeline).toBe(2);
  expect(followWal(sampleBackup(), INVENTORY, 2)?.timeline).toBe(2);
});

test('followWal() stays on the timeline that it must not leave, with the log that others lost', () => {
  expect(followWal(sampleBackup(), INVENTORY, 1)).toMatchObject({
    timeline: 1,
    toLsn: '0/5000000',
    broken: false,
  });
});

const BASE = { timeline: 1, segmentBytes: 1 << 24, beginLsn: toLsn('0/3000028') };
const FORK: WalFork = { timeline: 2, parent: 1, lsn: toLsn('0/5800000') };

test('followWal() leaves a timeline where the next branched off', () => {
  const runs = [run(1, '0/3000000', '0/9000000'), run(2, '0/5000000', '0/7800000')];

  expect(followWal(BASE, inventory(runs, [FORK]))).toMatchObject({
    runs: [run(1, '0/3000000', '0/5800000'), run(2, '0/5000000', '0/7800000')],
    timeline: 2,
    broken: false,
  });
});

test('followWal() goes on in a segment that the next timeline has whole', () => {
  const runs = [run(1, '0/3000000', '0/5000000'), run(2, '0/5000000', '0/7800000')];

  expect(followWal(BASE, inventory(runs, [FORK]))).toMatchObject({ timeline: 2 });
});

test('followWal() goes on to no timeline that is stored only from behind the fork', () => {
  const runs = [run(1, '0/3000000', '0/9000000'), run(2, '0/7000000', '0/7800000')];

  expect(followWal(BASE, inventory(runs, [FORK]))).toMatchObject({ timeline: 1 });
});

test('followWal() goes on to no timeline that branched off another, or before the base', () => {
  const runs = [run(1, '0/3000000', '0/9000000'), run(2, '0/5000000', '0/7800000')];
  const behind = { ...BASE, beginLsn: toLsn('0/6000028') };

  expect(followWal(BASE, inventory(runs, [{ ...FORK, parent: 7 }]))).toMatchObject({ timeline: 1 });
  expect(followWal(behind, inventory(runs, [FORK]))).toMatchObject({ timeline: 1 });
});

function inventory(runs: readonly WalRun[], forks: readonly WalFork[]): WalInventory {
  const histories = ['00000002.history'];
  return { runs, missing: [], histories, forks, segments: 0, storedBytes: 0 };
}

function run(timeline: number, from: string, to: string): WalRun {
  return { timeline, fromLsn: toLsn(from), toLsn: toLsn(to) };
}
