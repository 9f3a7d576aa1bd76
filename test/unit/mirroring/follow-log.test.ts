/** What the mirror does when nobody tells it, when too much was told, and when a store stumbles. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { WalProgressRecord } from '../../../src/catalog/records.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { historyKey, segmentKey, tailKey } from '../../../src/engines/streaming/wal-format.ts';
import { putWal } from '../../../src/engines/streaming/wal-objects.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { isSegmentName } from '../../../src/kernel/wal-name.ts';
import type { MirroringDeps } from '../../../src/mirroring/deps.ts';
import { MirrorFeed } from '../../../src/mirroring/feed.ts';
import { mirrorService } from '../../../src/mirroring/services.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectKey, ObjectStore } from '../../../src/storage/object-store.ts';
import { REMOVE_DENIED, STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { type FaultyStore, faultyStore } from '../../support/faulty-store.ts';

const RING = keyRing(new Map([['k1', Buffer.alloc(32, 7)]]));
const { signal } = new AbortController();
let clock: FakeClock;
let here: ObjectStore;
let west: FaultyStore;
let rows: Map<string, WalProgressRecord>;
let findings: Map<string, unknown>;
let feed: MirrorFeed;
let stopping: AbortController;
let ended: Promise<void>;

beforeEach(async () => {
  clock = fakeClock();
  here = memoryStore();
  west = faultyStore(memoryStore());
  rows = new Map();
  findings = new Map();
  feed = new MirrorFeed();
  stopping = new AbortController();
  const route = {
    server: shop(),
    source: { name: 'here', store: here },
    target: { name: 'west', store: west },
  };
  ended = mirrorService(route, deps()).run({ signal: stopping.signal, ready: () => undefined });
  await clock.untilAsleep(2);
});

afterEach(async () => {
  stopping.abort(new Error('The test stops it'));
  await ended;
});

test('copies what it is told of at once, without listing', async () => {
  const key = await storeTail(0x100, 0x200);
  feed.object({ ...PLACE, server: shop(), key, kind: 'tail', range: range(0x100, 0x200) });
  feed.progress({ ...PLACE, ...row(0x200), server: shop() });
  west.failNext('list', new Error('Nobody lists'));

  await until(async () => rows.get('west')?.storedLsn === '0/200', 0);

  expect(west.puts).toEqual([key]);
});

test('finds what another process has stored, half a minute after it could have been told', async () => {
  const key = await storeTail(0x100, 0x200);
  rows.set('here', row(0x200));

  await clock.advance(25_000);
  expect(west.puts).toEqual([]);
  await until(async () => rows.get('west')?.storedLsn === '0/200', 10_000);

  expect(west.puts).toEqual([key]);
});

test('lists again when more was told than it can hold', async () => {
  const key = await storeTail(0x100, 0x200);
  rows.set('here', row(0x200));
  for (let at = 0; at < 1001; at++) feed.progress({ ...PLACE, ...row(0x200), server: shop() });

  await until(async () => west.puts.length > 0, 0);

  expect(west.puts).toEqual([key]);
});

test('tells of a store that fails again and again, not of one that stumbles, and closes it', async () => {
  const failure = new Problem(STORE_UNREACHABLE, 'Cannot list');
  const key = await storeTail(0x100, 0x200);
  for (let at = 0; at < 3; at++) west.failNext('list', failure);
  const event = {
    ...PLACE,
    server: shop(),
    key,
    kind: 'tail',
    range: range(0x100, 0x200),
  } as const;
  west.failNext('put', failure);
  feed.object(event);

  await until(async () => findings.size > 0, 10_000);
  expect([...findings.keys()]).toEqual(['MIRROR_FAILING:west']);
  await until(async () => findings.size === 0, 60_000);

  expect(west.puts).toEqual([key]);
});

test('keeps the history of a timeline beside its log', async () => {
  const key = historyKey(folder(), '00000002.history');
  await putWal(
    { store: here, ring: RING, folder: folder(), signal },
    key,
    Buffer.from('1\t0/100\tx\n'),
  );
  feed.object({ ...PLACE, server: shop(), timeline: 2, key, kind: 'history' });

  await until(async () => west.puts.length > 0, 0);

  expect(west.puts).toEqual([key]);
});

test('asks a store that forbids removing once, and leaves the tails of a whole segment there', async () => {
  const tails = [await storeTail(0x100, 0x200), await storeTail(0x200, 0x300)];
  for (const [at, key] of tails.entries()) {
    const place = range(0x100 * (at + 1), 0x100 * (at + 2));
    feed.object({ ...PLACE, server: shop(), key, kind: 'tail', range: place });
  }
  await until(async () => west.puts.length === 2, 0);
  west.failNext('remove', new Problem(REMOVE_DENIED, 'Cannot remove'));

  for (const key of tails) await here.remove(key, { signal });
  const key = await storeSegment();
  feed.object({ ...PLACE, server: shop(), key, kind: 'segment', range: range(0, 0x1000) });
  await until(async () => west.puts.length === 3, 0);

  expect(await west.stat(key, { signal })).toBeDefined();
  for (const tail of tails) expect(await west.stat(tail, { signal })).toBeDefined();
});

test('removes tails only once the one that joins them is there', async () => {
  const tails = [await storeTail(0x100, 0x200), await storeTail(0x200, 0x300)];
  for (const [at, key] of tails.entries()) {
    const place = range(0x100 * (at + 1), 0x100 * (at + 2));
    feed.object({ ...PLACE, server: shop(), key, kind: 'tail', range: place });
  }
  await until(async () => west.puts.length === 2, 0);

  const key = await storeTail(0x100, 0x300);
  for (const tail of tails) await here.remove(tail, { signal });
  const joined = { ...PLACE, server: shop(), key, kind: 'tail' } as const;
  feed.object({ ...joined, range: range(0x100, 0x300), supersedes: tails });
  await until(async () => (await west.stat(tails[1] ?? key, { signal })) === undefined, 0);

  expect(west.puts).toEqual([...tails, key]);
  expect(await west.stat(key, { signal })).toBeDefined();
  expect(await west.stat(tails[0] ?? key, { signal })).toBeUndefined();
});

test('removes what was joined while nobody was told, and nothing that no other tail holds', async () => {
  const [inside, across] = [await storeTail(0x100, 0x200), await storeTail(0x200, 0x400)];
  for (const key of [inside, across]) {
    await put(west, key);
    await here.remove(key, { signal });
  }
  const key = await storeTail(0x100, 0x300);
  rows.set('here', row(0x300));

  await until(async () => (await west.stat(inside, { signal })) === undefined, 60_000);

  expect(await west.stat(key, { signal })).toBeDefined();
  expect(await west.stat(across, { signal })).toBeDefined();
});

test('the first join it is told of takes along what others had joined before', async () => {
  const old = await storeTail(0x100, 0x180);
  await put(west, old);
  const [before, outside] = [await storeTail(0x180, 0x200), await storeTail(0x300, 0x400)];
  await put(west, outside);
  for (const key of [old, outside]) await here.remove(key, { signal });
  const key = await storeTail(0x100, 0x200);
  await here.remove(before, { signal });

  const joined = { ...PLACE, server: shop(), key, kind: 'tail' } as const;
  feed.object({ ...joined, range: range(0x100, 0x200), supersedes: [before] });
  await until(async () => (await west.stat(old, { signal })) === undefined, 0);

  expect(await west.stat(key, { signal })).toBeDefined();
  expect(await west.stat(outside, { signal })).toBeDefined();
});

test('keeps a tail while the one that holds its bytes cannot be copied', async () => {
  const old = await storeTail(0x100, 0x200);
  await put(west, old);
  await here.remove(old, { signal });
  const key = await storeTail(0x100, 0x300);
  await west.put(key, Readable.from([Buffer.from('other bytes')]), { signal });
  rows.set('here', row(0x300));

  await until(async () => findings.has('MIRROR_CONFLICT:west'), 60_000);

  expect(await west.stat(old, { signal })).toBeDefined();
});

const PLACE = { systemId: '73', timeline: 1 };

/** As a copy that was made before. */
async function put(store: ObjectStore, key: ObjectKey): Promise<void> {
  const bytes = await buffer(await here.open(key, { signal }));
  await store.put(key, Readable.from([bytes]), { signal });
}

/** Of the event loop, for each second: what packs and encrypts takes time of its own, which no clock of ours is. */
const TURNS = 500;

/** Lets time pass, a second at a time, as far as it takes. */
async function until(condition: () => Promise<boolean>, limitMs: number): Promise<void> {
  for (let waitedMs = 0; !(await condition()); waitedMs += 1000) {
    if (waitedMs > limitMs + 5000) throw new Error(`Still not so after ${waitedMs} ms`);
    await clock.advance(1000);
    for (let turns = 0; turns < TURNS && !(await condition()); turns++) await nextTurn();
  }
}

function deps(): MirroringDeps {
  return {
    mirrored: [],
    ring: RING,
    engine: { checkObjects: async () => ({ packs: 0, readBytes: 0, damage: [] }) },
    catalog: {
      backups: {
        list: async () => [],
        record: async () => undefined,
        remove: async () => undefined,
        markVerified: async () => undefined,
      },
      walProgress: {
        find: async (_server, store) => rows.get(store),
        record: async (one) => void rows.set(one.store, one),
      },
      findings: {
        open: async ({ code, finding }) => findings.set(code, finding).size > 0,
        close: async (code) => findings.delete(code),
        list: async () => [],
      },
      leases: {
        take: async () => true,
        renew: async () => true,
        release: async () => undefined,
        holderOf: async () => undefined,
      },
    },
    feed,
    clock,
    log: silentLog,
  };
}

function shop() {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  return name;
}

function folder() {
  return { server: shop(), major: 15, systemId: '73' };
}

function lsn(bytes: number) {
  return toLsn(`0/${bytes.toString(16).toUpperCase()}`);
}

function range(from: number, to: number) {
  return { from: lsn(from), to: lsn(to) };
}

function row(bytes: number) {
  const at = '2026-11-22T14:46:00.000000Z';
  const storedLsn = lsn(bytes);
  return { ...PLACE, server: 'shop', store: 'here', storedLsn, serverLsn: storedLsn, at };
}

async function storeSegment(): Promise<ObjectKey> {
  const segment = '000000010000000000000000';
  if (!isSegmentName(segment)) throw new TypeError(segment);
  const bytes = Buffer.alloc(0x1000, 1);
  const key = segmentKey(folder(), segment, RING.contentName(bytes));
  await putWal({ store: here, ring: RING, folder: folder(), signal }, key, bytes);
  return key;
}

async function storeTail(from: number, to: number): Promise<ObjectKey> {
  const segment = '000000010000000000000000';
  if (!isSegmentName(segment)) throw new TypeError(segment);
  const key = tailKey(folder(), { segment, ...range(from, to) });
  await putWal({ store: here, ring: RING, folder: folder(), signal }, key, Buffer.alloc(to - from));
  return key;
}
