/** What attempts that did not end have left: gone after a grace time, in every store, and nothing else. */
import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import { storeSweeper } from '../../../src/backup/store-sweeper.ts';
import type { FindingRecords } from '../../../src/catalog/records.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../../src/engines/streaming/streaming-engine.ts';
import type { Json } from '../../../src/kernel/codecs.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectKey, ObjectStore, PutOptions } from '../../../src/storage/object-store.ts';
import { REMOVE_DENIED, STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { absentStore } from '../../support/absent-store.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { type FaultyStore, faultyStore } from '../../support/faulty-store.ts';
import { objectKey } from '../../support/object-keys.ts';

const { signal } = new AbortController();
const OLD = '20261119T020000Z';
const YOUNG = '20261121T020000Z';

test('packs without a manifest go after two days, in every store; the rest stays', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const [here, west] = [memoryStore(), memoryStore()];
  for (const store of [here, west]) {
    await put(store, OLD, 'pack-0001');
    await put(store, YOUNG, 'pack-0001');
    await put(store, '20261101T020000Z', 'manifest');
    await put(store, '20261101T020000Z', 'pack-0001');
  }

  await sweepOnce([here, west], clock);

  for (const store of [here, west])
    expect(await names(store)).toEqual([
      '20261101T020000Z/manifest',
      '20261101T020000Z/pack-0001',
      `${YOUNG}/pack-0001`,
    ]);
});

test('a copy that is still being put together stays, for the first store has its manifest', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const [here, west] = [memoryStore(), memoryStore()];
  await put(here, OLD, 'manifest');
  await put(here, OLD, 'pack-0001');
  await put(west, OLD, 'pack-0001');

  await sweepOnce([here, west], clock);

  expect(await names(west)).toEqual([`${OLD}/pack-0001`]);
});

test('a store that cannot list is left for the next day, and holds up no other', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const here = faultyStore(memoryStore());
  const west = memoryStore();
  for (const store of [here, west]) await put(store, OLD, 'pack-0001');
  here.failNext('list', new Problem(STORE_UNREACHABLE, 'Cannot list'));

  await using sweeping = sweep([here, west], clock);
  await clock.untilAsleep(1);
  expect([await names(here), await names(west)]).toEqual([[`${OLD}/pack-0001`], []]);
  await clock.advance(24 * 3_600_000);
  await clock.untilAsleep(1);
  await sweeping.stop();

  expect(await names(here)).toEqual([]);
});

test('while a store is away, packs whose manifest it may hold stay, and everything else is swept elsewhere', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const here = absentStore(memoryStore());
  const [west, east] = [countSweeps(memoryStore()), countSweeps(memoryStore())];
  const listed = '20261101T020000Z';
  await put(here, OLD, 'manifest');
  for (const store of [west, east]) await put(store, OLD, 'pack-0001');
  await put(east, listed, 'manifest');
  await put(west, listed, 'pack-0001');
  here.isAway = true;

  const { lines } = await sweepOnce([here, west, east], clock);

  expect(await names(west)).toEqual([`${listed}/pack-0001`, `${OLD}/pack-0001`]);
  expect([west.sweeps, east.sweeps]).toEqual([1, 1]);
  const reasons = lines.filter((line) => line.includes('its packs stay'));
  expect(reasons).toHaveLength(2);
  here.isAway = false;
  await sweepOnce([here, west, east], clock);
  expect(await names(west)).toEqual([`${listed}/pack-0001`, `${OLD}/pack-0001`]);
  await here.remove(keyOf(OLD, 'manifest'), { signal });
  await sweepOnce([here, west, east], clock);
  expect(await names(west)).toEqual([`${listed}/pack-0001`]);
});

test('halves of writes are taken back first, also where packs are locked, and what is not locked goes', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const here = countSweeps(memoryStore({ locks: clock }));
  const retainUntil = Temporal.Instant.from('2026-11-27T02:00:00Z');
  await put(here, '20261117T020000Z', 'pack-0001', { retainUntil });
  await put(here, '20261117T020000Z', 'pack-0002');
  await put(here, OLD, 'pack-0001');

  const { findings } = await sweepOnce([here], clock);

  expect(await names(here)).toEqual(['20261117T020000Z/pack-0001']);
  expect(here.sweeps).toBe(1);
  // A lock does what it is for.
  expect(await findings.list()).toEqual([]);
  clock.jumpTo('2026-11-28T02:00:00Z');
  await sweepOnce([here], clock);
  expect(await names(here)).toEqual([]);
});

test('a store that denies removal is left alone after one try, told of once, and no longer once it is swept', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const inner = memoryStore();
  let removals = 0;
  const here = countSweeps(
    Object.assign(faultyStore(inner), {
      async remove(...args: Parameters<ObjectStore['remove']>) {
        removals += 1;
        if (removals <= 2) throw new Problem(REMOVE_DENIED, 'Cannot remove: it is denied');
        await inner.remove(...args);
      },
    }),
  );
  const west = memoryStore();
  for (const name of ['pack-0001', 'pack-0002']) await put(here, OLD, name);
  await put(west, OLD, 'pack-0001');

  await using sweeping = sweep([here, west], clock);
  await clock.untilAsleep(1);
  expect([removals, here.sweeps, await names(west)]).toEqual([1, 1, []]);
  await clock.advance(24 * 3_600_000);
  await clock.untilAsleep(1);
  expect([removals, here.sweeps]).toEqual([2, 2]);
  expect(await sweeping.findings.list()).toMatchObject([
    {
      code: 'BACKUP_LEFTOVERS_STAY',
      severity: 'warn',
      summary:
        'What backups of shop that did not end left in "store-0" stays: Cannot remove: it is denied',
      hint: REMOVE_DENIED.hint,
    },
  ]);
  await clock.advance(24 * 3_600_000);
  await clock.untilAsleep(1);

  expect(await names(here)).toEqual([]);
  expect(await sweeping.findings.list()).toEqual([]);
});

test('a store whose every verb fails holds up no other', async () => {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const dead = absentStore(memoryStore());
  dead.isAway = true;
  const lame = countSweeps(faultyStore(memoryStore()));
  const failed = new Problem(STORE_UNREACHABLE, 'Cannot reach it');
  const west = countSweeps(memoryStore());
  await put(west, '20261101T020000Z', 'manifest');

  lame.failNext('sweep', failed);
  const { lines } = await sweepOnce([dead, lame, west], clock);

  expect(west.sweeps).toBe(1);
  expect(lines.filter((line) => line.startsWith('Cannot sweep a store'))).toHaveLength(3);
});

async function sweepOnce(
  stores: readonly ObjectStore[],
  clock: FakeClock,
): Promise<ReturnType<typeof sweep>> {
  const sweeping = sweep(stores, clock);
  await clock.untilAsleep(1);
  await sweeping.stop();
  return sweeping;
}

function sweep(stores: readonly ObjectStore[], clock: FakeClock) {
  const findings = memoryFindings();
  const lines: string[] = [];
  const service = storeSweeper({
    engine: streamingEngine({ connectionUrl: () => '', clock }),
    storesOf: () => stores.map((store, at) => ({ name: `store-${at}`, store })),
    ring: keyRing(new Map([['k1', Buffer.alloc(32, 7)]])),
    servers: { shop: { url: '', archiving: { tail_seconds: 1 } } },
    catalog: { findings },
    clock,
    log: {
      ...silentLog,
      warn: (message, fields) => lines.push(`${message} ${String(fields?.['reason'])}`),
    },
  });
  const stopping = new AbortController();
  const ended = service.run({ signal: stopping.signal, ready: () => undefined });
  async function stop(): Promise<void> {
    stopping.abort(new Error('The test stops it'));
    await ended;
  }
  return { stop, findings, lines, [Symbol.asyncDispose]: stop };
}

interface MemoryFindings extends FindingRecords {
  /** Each by its code. */
  readonly opened: Map<string, Json>;
}

function memoryFindings(): MemoryFindings {
  const opened = new Map<string, Json>();
  return {
    opened,
    async open({ code, finding }) {
      const isNew = !opened.has(code);
      opened.set(code, finding);
      return isNew;
    },
    close: async (code) => opened.delete(code),
    list: async () => [...opened.values()],
  };
}

interface CountedStore extends FaultyStore {
  /** How often it was asked to take back what interrupted writes left. */
  sweeps: number;
}

function countSweeps(inner: ObjectStore): CountedStore {
  const faulty = faultyStore(inner);
  const counted: CountedStore = {
    ...faulty,
    sweeps: 0,
    async sweep(options) {
      counted.sweeps += 1;
      return await faulty.sweep(options);
    },
  };
  return counted;
}

async function put(
  store: ObjectStore,
  id: string,
  name: string,
  options: Pick<PutOptions, 'retainUntil'> = {},
): Promise<void> {
  await store.put(keyOf(id, name), Readable.from([Buffer.from('x')]), { signal, ...options });
}

function keyOf(id: string, name: string): ObjectKey {
  return objectKey(`shop/15-73/base/${id}/${name}`);
}

async function names(store: ObjectStore): Promise<readonly string[]> {
  const found = await Array.fromAsync(store.list('shop/', { signal }));
  return found.map(({ key }) => key.replace('shop/15-73/base/', ''));
}
