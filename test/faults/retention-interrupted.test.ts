/**
 * A removal that dies at each of its calls, that runs twice at once, and that races with readers: never
 * half a backup in a list, never a backup gone from under a reader, and the next removal ends it.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { untilNotRemoving } from '../../src/catalog/readers.ts';
import { manifestKey } from '../../src/engines/streaming/format.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { removedBackupSweeper } from '../../src/retention/remove-backups.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { faultyStore } from '../support/faulty-store.ts';
import {
  FEW,
  type RetentionHouse,
  resultOf,
  retentionHouse,
  summaryAt,
} from '../support/retention-house.ts';
import { keysOf, listedIn, residueIn, signal } from '../support/retention-stores.ts';
import { CLOCK_ACTOR, TERMINAL } from '../support/toy-gate.ts';

let house: RetentionHouse;

beforeEach(async () => {
  house = await retentionHouse();
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

/** Calls `before` ahead of each removal, with its number from 1 on. */
function watchRemovals(inner: ObjectStore, before: (number: number) => void): ObjectStore {
  let calls = 0;
  return Object.assign(faultyStore(inner), {
    remove: async (...call: Parameters<ObjectStore['remove']>) => {
      calls += 1;
      before(calls);
      await inner.remove(...call);
    },
  });
}

async function sweepClaims(): Promise<void> {
  const sweeper = removedBackupSweeper(house.deps);
  for (const { kind, reference, id } of await house.gate.catalog.resources.list())
    if (kind === sweeper.kind) {
      await sweeper.sweep(reference, { signal, log: silentLog });
      await house.gate.catalog.resources.release(id);
    }
}

/** Backups that are listed and lack a pack. */
async function halves(store: ObjectStore): Promise<readonly string[]> {
  const keys = await keysOf(store);
  return (await listedIn(store)).filter(
    (id) => keys.filter((key) => key.includes(`/${id}/pack-`)).length < 2,
  );
}

/** In steps: the first calls are manifests and packs, later ones are log. */
const DEATHS = [1, 2, 3, 5, 9, 20, 40];

test('dies at any call: no half backup is listed, the sweeper leaves no pack, and the next removal ends it', async () => {
  await house.fill(FEW);
  const [here, west] = [house.here, house.west];
  for (const death of DEATHS) {
    house.here = faultyStore(memoryStore());
    house.west = faultyStore(memoryStore());
    for (const [from, to] of [
      [here, house.here],
      [west, house.west],
    ] as const)
      for (const key of await keysOf(from)) await copy(from, to, key);
    const whole = house.here;
    house.here = faultyStore(
      watchRemovals(whole, (number) => {
        if (number === death) throw new Error('The power is gone');
      }),
    );

    const run = await house.apply(TERMINAL);

    expect([death, run.state]).toEqual([death, 'failed']);
    expect(await halves(house.here)).toEqual([]);
    house.here = whole;
    await sweepClaims();
    for (const store of [house.here, house.west]) expect(await residueIn(store)).toEqual([]);
    resultOf(await house.apply(TERMINAL));
    const look = await house.look();
    expect([look.remove, look.wal[0]?.removeSegments]).toEqual([[], 0]);
    expect(await listedIn(house.here)).toEqual(await listedIn(house.west));
  }
});

test('twice at once: the second is refused by its lease, and nothing is harmed', async () => {
  await house.fill(FEW);
  const input = { server: 'shop', apply: true };
  const first = await house.gate.row('retention', { input, actor: CLOCK_ACTOR });
  const second = await house.gate.row('retention', { input, actor: CLOCK_ACTOR });

  const ended = await Promise.all(
    [first, second].map(async ({ runId }) => house.gate.gate.perform(runId, { signal })),
  );

  const states = ended.map(({ state }) => state).toSorted();
  expect(states).toEqual(['done', 'failed']);
  expect(ended.find(({ state }) => state === 'failed')?.problem).toMatchObject({
    code: 'GATE_LEASE_HELD',
  });
  for (const store of [house.here, house.west]) {
    expect(await halves(store)).toEqual([]);
    expect(await residueIn(store)).toEqual([]);
  }
});

test('a reader that comes at any moment keeps its backup, or is told that it is gone before it reads', async () => {
  await house.fill(FEW);
  const going = (await house.look()).remove.map(({ backupId }) => backupId);
  const readings: Promise<readonly [string, boolean]>[] = [];
  const inner = house.here;
  house.here = faultyStore(
    watchRemovals(inner, (number) => {
      // At each removal somebody wants to read one that may be gone, going, or next.
      if (readings.length < going.length) readings.push(read(going[number % going.length] ?? ''));
    }),
  );

  const run = await house.apply(CLOCK_ACTOR);
  const answers = await Promise.all(readings);

  expect(run.problem).toBeNull();
  expect(answers.length).toBeGreaterThan(4);
  const listed = await listedIn(inner);
  for (const [backupId, isThere] of answers)
    expect([backupId, listed.includes(backupId)]).toEqual([backupId, isThere]);
  expect(await halves(inner)).toEqual([]);
});

/** As `restore` does it: the row first, then wait, then look. */
async function read(backupId: string): Promise<readonly [string, boolean]> {
  const base = Array.from({ length: FEW }, (_, index) => summaryAt(index)).find(
    (one) => one.backupId === backupId,
  );
  if (base === undefined) throw new Error(backupId);
  await house.addReader(base);
  const { leases } = house.gate.catalog;
  await untilNotRemoving({ leases, clock: house.deps.clock }, 'shop', { signal });
  const info = await house.here.stat(manifestKey(base, base.backupId), { signal });
  return [backupId, info !== undefined];
}

async function copy(from: ObjectStore, to: ObjectStore, text: string): Promise<void> {
  for await (const { key } of from.list(text, { signal }))
    if (key === text) await to.put(key, await from.open(key, { signal }), { signal });
}
