/** What attempts that did not end have left: gone after a grace time, in every store, and nothing else. */
import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import { storeSweeper } from '../../../src/backup/store-sweeper.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../../src/engines/streaming/streaming-engine.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { isObjectKey, type ObjectStore } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';

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

test('a store that does not answer is left for the next day, and holds up no other', async () => {
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

async function sweepOnce(stores: readonly ObjectStore[], clock: FakeClock): Promise<void> {
  const sweeping = sweep(stores, clock);
  await clock.untilAsleep(1);
  await sweeping.stop();
}

function sweep(stores: readonly ObjectStore[], clock: FakeClock) {
  const service = storeSweeper({
    engine: streamingEngine({ connectionUrl: () => '', clock }),
    storesOf: () => stores.map((store, at) => ({ name: `store-${at}`, store })),
    ring: keyRing(new Map([['k1', Buffer.alloc(32, 7)]])),
    servers: { shop: { url: '', archiving: { tail_seconds: 1 } } },
    clock,
    log: silentLog,
  });
  const stopping = new AbortController();
  const ended = service.run({ signal: stopping.signal, ready: () => undefined });
  async function stop(): Promise<void> {
    stopping.abort(new Error('The test stops it'));
    await ended;
  }
  return { stop, [Symbol.asyncDispose]: stop };
}

async function put(store: ObjectStore, id: string, name: string): Promise<void> {
  const key = `shop/15-73/base/${id}/${name}`;
  if (!isObjectKey(key)) throw new TypeError(key);
  await store.put(key, Readable.from([Buffer.from('x')]), { signal });
}

async function names(store: ObjectStore): Promise<readonly string[]> {
  const found = await Array.fromAsync(store.list('shop/', { signal }));
  return found.map(({ key }) => key.replace('shop/15-73/base/', ''));
}
