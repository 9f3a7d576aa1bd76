/** The operation `hold`: notes in the stores, through a real gate, on stores in memory. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

import { manifestKey } from '../../src/engines/streaming/format.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { objectKey } from '../support/object-keys.ts';
import { FEW, type RetentionHouse, retentionHouse, summaryAt } from '../support/retention-house.ts';
import { keysOf, prefixOf, put, signal } from '../support/retention-stores.ts';
import { TERMINAL } from '../support/toy-gate.ts';

let house: RetentionHouse;

beforeEach(async () => {
  house = await retentionHouse();
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

test('`hold` keeps, lists and releases, and forgets nothing when the catalogue is lost', async () => {
  await house.fill(FEW);
  const { backupId } = summaryAt(0);

  await hold({ backup: backupId, reason: 'audit', until: '2026-12-31' });
  const told = await holdsNow();

  expect(told).toMatchObject([
    { server: 'shop', backupId, reason: 'audit', until: '2027-01-01T00:00:00.000000Z', by: 'ana' },
  ]);
  expect(await keysOf(house.here, '15-7341/hold/')).toEqual(
    await keysOf(house.west, '15-7341/hold/'),
  );
  const lookAfter = await house.look();
  expect(lookAfter.keep.find((one) => one.backupId === backupId)?.reasons).toEqual([
    'held: audit until 2027-01-01 00:00:00 UTC',
  ]);
  await hold({ backup: backupId, release: true });
  expect(await holdsNow()).toEqual([]);
  expect(await keysOf(house.here, '15-7341/hold/')).toHaveLength(2);
  expect((await house.look()).remove.map((one) => one.backupId)).toContain(backupId);
});

test('`hold` says what it cannot read, and holds what cannot be read itself', async () => {
  await house.fill(FEW);
  const { backupId } = summaryAt(0);

  await expect(hold({ backup: '20200101T000000Z', reason: 'x' })).rejects.toMatchObject({
    kind: { code: 'RETENTION_BACKUP_UNKNOWN' },
  });
  await expect(hold({ backup: backupId })).rejects.toMatchObject({
    kind: { code: 'RETENTION_HOLD_INVALID' },
  });
  await expect(hold({ backup: backupId, release: true })).rejects.toMatchObject({
    kind: { code: 'RETENTION_NOT_HELD' },
  });
  const note = `${prefixOf(summaryAt(0))}hold/${backupId}/20261124T000000Z-aaaaaa`;
  await put(house.here, objectKey(note), 'not a note of ours');
  await put(house.west, objectKey(`${note}.released`), 'not a release of ours');
  expect((await house.look()).keep.find((one) => one.backupId === backupId)?.reasons).toEqual([
    'held: its note cannot be read until it is released',
  ]);
});

test('a hold that comes too late says so: the removal had looked before', async () => {
  await house.fill(FEW);
  const { backupId } = summaryAt(0);
  const { here: inner, west } = house;
  house.here = Object.assign(faultyStore(inner), {
    put: async (...call: Parameters<FaultyStore['put']>) => {
      const key = manifestKey(summaryAt(0), backupId);
      for (const store of [inner, west]) await store.remove(key, { signal });
      return await inner.put(...call);
    },
  });

  await expect(hold({ backup: backupId, reason: 'audit' })).rejects.toThrow(
    'RETENTION_BACKUP_UNKNOWN',
  );
});

async function hold(input: { readonly [key: string]: unknown }): Promise<void> {
  const run = await house.gate.row('hold', { input, actor: TERMINAL });
  const { problem } = await house.gate.gate.perform(run.runId, { signal });
  if (problem !== null) throw new Error(JSON.stringify(problem));
}

async function holdsNow(): Promise<unknown> {
  const asked = await house.gate.ask('hold', { input: {} });
  if (asked.outcome !== 'answered') throw new Error('It was not a look');
  return z.object({ holds: z.array(z.unknown()) }).parse(asked.result).holds;
}
