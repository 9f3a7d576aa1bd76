/** What several stores hold of one log, taken together. */
import { expect, test } from 'vitest';

import { isOwnLogStored, joinInventories } from '../../../src/engines/joined-wal.ts';
import type { WalInventory, WalRun } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';

const SEGMENT = 16 << 20;

function run(fromLsn: string, toLsnText: string, timeline = 1): WalRun {
  return { timeline, fromLsn: toLsn(fromLsn), toLsn: toLsn(toLsnText) };
}

function inventory(...runs: readonly WalRun[]): WalInventory {
  return { runs, missing: [], histories: [], segments: runs.length, storedBytes: 10 };
}

test('joinInventories() closes a hole of one store with what another has', () => {
  const joined = joinInventories(
    [
      inventory(run('0/1000000', '0/3000000'), run('0/4000000', '0/6000000')),
      inventory(run('0/2000000', '0/5000000')),
    ],
    SEGMENT,
  );

  expect(joined.runs).toEqual([run('0/1000000', '0/6000000')]);
  expect(joined.missing).toEqual([]);
});

test('joinInventories() ends where the furthest store ends, and keeps holes that all have', () => {
  const joined = joinInventories(
    [
      inventory(run('0/1000000', '0/2000000'), run('0/4000000', '0/4000100')),
      inventory(run('0/1000000', '0/2000080'), run('0/4000000', '0/4000200')),
    ],
    SEGMENT,
  );

  expect(joined.runs).toEqual([run('0/1000000', '0/2000080'), run('0/4000000', '0/4000200')]);
  expect(joined.missing).toEqual(['000000010000000000000002', '000000010000000000000003']);
});

test('isOwnLogStored() wants all of it, on the timeline of the backup', () => {
  const backup = { timeline: 1, beginLsn: toLsn('0/2000028'), endLsn: toLsn('0/2000100') };

  expect(isOwnLogStored(backup, [run('0/2000000', '0/2000100')])).toBe(true);
  expect(isOwnLogStored(backup, [run('0/2000000', '0/20000F0')])).toBe(false);
  expect(isOwnLogStored(backup, [run('0/2000000', '0/3000000', 2)])).toBe(false);
  expect(isOwnLogStored(backup, [])).toBe(false);
});

test('isOwnLogStored() wants it up to behind the proof point, where there is one', () => {
  const plain = { timeline: 1, beginLsn: toLsn('0/2000028'), endLsn: toLsn('0/2000100') };
  const backup = { ...plain, proofLsn: toLsn('0/3000200') };

  expect(isOwnLogStored(backup, [run('0/2000000', '0/3000200')])).toBe(true);
  expect(isOwnLogStored(backup, [run('0/2000000', '0/30001F8')])).toBe(false);
  expect(
    isOwnLogStored(backup, [run('0/2000000', '0/3000000'), run('0/3000100', '0/3000200')]),
  ).toBe(false);
  expect(
    isOwnLogStored(backup, [run('0/2000000', '0/3000000'), run('0/3000000', '0/3000200', 2)]),
  ).toBe(false);
});

test('joinInventories() knows every fork that a store knows, and none where nobody has looked', () => {
  const fork = { timeline: 2, parent: 1, lsn: toLsn('0/3000000') };
  const [one, other] = [inventory(run('0/1000000', '0/2000000')), inventory()];

  expect(joinInventories([one, { ...other, forks: [fork] }], SEGMENT).forks).toEqual([fork]);
  expect(joinInventories([one, other], SEGMENT).forks).toBeUndefined();
});
