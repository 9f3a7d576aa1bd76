/** A store that fails or is slow: the server must never forget what is not stored. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { WAL_STORE_STALLED } from '../../src/engines/streaming/wal-problems.ts';
import { receiveWal } from '../../src/engines/streaming/wal-receiver.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { connect } from '../../src/postgres/connect.ts';
import { readServerFacts } from '../../src/postgres/server-facts.ts';
import { createSlot, readSlot } from '../../src/postgres/slots.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const SEGMENT_BYTES = 1024 * 1024;
const RING = keyRing(new Map([['k1', randomBytes(32)]]));
const SLOT = 'faulty';
const { signal } = new AbortController();
let postgres: TestPostgres;
let inner: ObjectStore;

beforeAll(async () => {
  postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query('CREATE TABLE load (i int, text text)');
});

const running: { readonly stopping: AbortController; readonly receiving: Promise<void> }[] = [];

afterEach(async () => {
  for (const { stopping, receiving } of running.splice(0)) {
    stopping.abort();
    await receiving.catch(() => undefined);
  }
  await waitUntil(async () => {
    await using session = await connect(postgres.url(), { signal });
    return (await readSlot(session, SLOT))?.active !== true;
  });
});

beforeEach(async () => {
  inner = memoryStore();
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await using session = await connect(postgres.url(), { signal });
  // A slot begins at the last checkpoint: without a backlog, reading is not paused at once.
  await session.query('CHECKPOINT');
  await createSlot(session, SLOT);
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('never lets the server forget more than what survived a store that fails at random', async () => {
  const seed = randomBytes(4).readUInt32LE();
  const random = randomNumbers(seed);
  for (let round = 0; round < 12; round++) {
    const failing = storeThat(async () => {
      if (random() < 0.3) throw new Error(`no store in round ${round}, seed ${seed}`);
    });
    const stopping = new AbortController();
    const receiving = receive(failing, stopping);
    await writeLog(3);
    await Promise.race([receiving.catch(() => undefined), caughtUp(await currentLsn())]);
    stopping.abort();
    await receiving.catch(() => undefined);

    const slot = await slotLsn();
    const stored = await storedEnd();
    expect({
      seed,
      round,
      slot,
      stored,
      ahead: stored !== undefined && compareLsn(slot, stored) > 0,
    }).toMatchObject({ ahead: false });
  }
});

test('stores one object at a time when the store hangs, and goes on when it is back', async () => {
  let waiting = 0;
  let mostWaiting = 0;
  let open: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const hanging = storeThat(async (key) => {
    if (!key.includes('/wal/')) return;
    waiting++;
    mostWaiting = Math.max(mostWaiting, waiting);
    await gate;
    waiting--;
  });
  const stopping = new AbortController();
  const receiving = receive(hanging, stopping);
  await writeLog(40);
  const end = await currentLsn();
  await waitUntil(() => waiting === 1);
  const before = await slotLsn();

  open?.();
  await caughtUp(end);

  expect(mostWaiting).toBe(1);
  expect(lsnBytes(end) - lsnBytes(before)).toBeGreaterThan(10n * BigInt(SEGMENT_BYTES));
  stopping.abort();
  await receiving;
  expect(compareLsn(await slotLsn(), end)).not.toBe(-1);
});

test('lets go of the server when the store never answers, so that it can shut down', async () => {
  const hanging = storeThat(() => new Promise(() => undefined));
  const stopping = new AbortController();
  const receiving = receive(hanging, stopping, {
    ...systemClock,
    elapsedMs: () => systemClock.elapsedMs() * 1000,
    sleep: (ms, options) => systemClock.sleep(Math.min(ms, 300), options),
  });
  await writeLog(6);

  await expect(receiving).rejects.toSatisfy((error) => isProblem(error, WAL_STORE_STALLED));
});

test.each(['wal/', 'tail/'])(
  'lets go of the server when the store takes everything and does not list "%s"',
  async (part) => {
    const stored = storeThat(async () => undefined);
    const silent: ObjectStore = {
      ...stored,
      async *list(prefix, options) {
        if (prefix.includes(part)) await new Promise(() => undefined);
        yield* stored.list(prefix, options);
      },
    };
    const stopping = new AbortController();
    const receiving = receive(silent, stopping, {
      ...systemClock,
      elapsedMs: () => systemClock.elapsedMs() * 1000,
      sleep: (ms, options) => systemClock.sleep(Math.min(ms, 300), options),
    });
    await writeLog(6);

    await expect(receiving).rejects.toSatisfy((error) => isProblem(error, WAL_STORE_STALLED));
  },
);

test('lets nothing newer appear before an earlier segment, so that whoever dies leaves no hole', async () => {
  let open: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let held = 0;
  const uneven = storeThat(async (key) => {
    if (key.includes('/wal/') && held++ === 0) await gate;
  });
  const order = faultyStore(uneven);
  const stopping = new AbortController();
  const begin = await slotLsn();
  const receiving = receive(order, stopping);
  // Another segment and a part of the next one are here while the first one hangs.
  await waitUntil(async () => {
    await writeLog(1);
    return held > 0 && (await sentBytes(begin)) > 1.5 * SEGMENT_BYTES;
  });

  const slot = await slotLsn();

  const segmentEnd = (lsnBytes(begin) / BigInt(SEGMENT_BYTES) + 1n) * BigInt(SEGMENT_BYTES);
  expect(lsnBytes(slot)).toBeLessThanOrEqual(segmentEnd);
  const end = await currentLsn();
  open?.();
  await caughtUp(end);
  stopping.abort();
  await receiving;
  const segments = order.puts.map((key) => /\/([0-9A-F]{24})[/-]/.exec(key)?.[1] ?? '');
  expect(segments.length).toBeGreaterThan(3);
  expect(segments).toEqual(segments.toSorted());
});

async function sentBytes(begin: Lsn): Promise<number> {
  const [row] = await postgres.query(
    'SELECT sent_lsn - $1::pg_lsn AS sent FROM pg_stat_replication',
    [begin],
  );
  return Number(row?.['sent'] ?? 0);
}

test('goes on when the store does not let it remove the tails of a whole segment', async () => {
  let refused = 0;
  const locked: ObjectStore = {
    ...storeThat(async () => undefined),
    remove: async () => {
      refused++;
      throw new Error('The store keeps everything');
    },
  };
  const stopping = new AbortController();
  const receiving = receive(locked, stopping);
  // A tail first, then the segment that makes it needless.
  await waitUntil(async () => {
    await writeLog(1);
    return refused > 1;
  });

  const end = await currentLsn();
  await caughtUp(end);

  stopping.abort();
  await receiving;
  expect(compareLsn((await storedEnd()) ?? toLsn('0/0'), end)).not.toBe(-1);
});

/** A store whose writes first go through `before`. */
function storeThat(before: (key: string) => Promise<void>): ObjectStore {
  const store = inner;
  return {
    description: store.description,
    open: (key, options) => store.open(key, options),
    stat: (key, options) => store.stat(key, options),
    list: (prefix, options) => store.list(prefix, options),
    remove: (key, options) => store.remove(key, options),
    census: (options) => store.census(options),
    sweep: (options) => store.sweep(options),
    put: async (key, body, options) => {
      const bytes = Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>));
      await before(key);
      return await store.put(key, Readable.from([bytes]), options);
    },
  };
}

function receive(
  store: ObjectStore,
  stopping: AbortController,
  clock: Clock = systemClock,
): Promise<void> {
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const receiving = receiveWal({
    store,
    server,
    ring: RING,
    url: postgres.url(),
    slot: SLOT,
    tailSeconds: 0.02,
    clock,
    log: silentLog,
    signal: stopping.signal,
    ready: () => undefined,
    onStored: async () => undefined,
  });
  // Each test looks at the outcome later than it may come.
  receiving.catch(() => undefined);
  running.push({ stopping, receiving });
  return receiving;
}

async function slotLsn(): Promise<Lsn> {
  await using session = await connect(postgres.url(), { signal });
  return (await readSlot(session, SLOT))?.restartLsn ?? toLsn('0/0');
}

/** The end of what is stored without a hole; undefined: nothing. */
async function storedEnd(): Promise<Lsn | undefined> {
  await using session = await connect(postgres.url(), { signal });
  const { major, systemId } = await readServerFacts(session);
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const found = await walStore.inventory({
    store: inner,
    ring: RING,
    folder: { server, major, systemId },
    segmentBytes: SEGMENT_BYTES,
    signal,
  });
  expect(found.missing.length === 0 || found.runs.length > 1).toBe(true);
  return found.runs[0]?.toLsn;
}

async function caughtUp(end: Lsn): Promise<void> {
  await waitUntil(async () => compareLsn(await slotLsn(), end) >= 0);
}

async function writeLog(transactions: number): Promise<void> {
  for (let i = 0; i < transactions; i++)
    await postgres.query(
      `INSERT INTO load SELECT i, repeat(md5(random()::text), 8) FROM generate_series(1, 1500) AS i`,
    );
}

async function currentLsn(): Promise<Lsn> {
  const [row] = await postgres.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
