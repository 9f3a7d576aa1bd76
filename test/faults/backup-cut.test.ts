/**
 * What a backup depends on goes away at any moment: the network to the server, or the store. Each time
 * nothing remains, in the store or on the server, and the next backup is a good one.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';

const SERVER = testServerName('shop');
const { signal } = new AbortController();
const random = randomNumbers();
const ring = keyRing(new Map([['k1', Buffer.alloc(32, 5)]]));

let postgres: TestPostgres;
let proxy: TcpProxy;
let engine: Engine;
let store: FaultyStore;
let whole: BackupSummary;
let seconds = 0;

beforeAll(async () => {
  process.stdout.write(`seed ${random.seed}\n`);
  postgres = await startPostgres();
  await postgres.query(
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 60000) i',
  );
  proxy = await startTcpProxy(`${postgres.socketDirectory}/.s.PGSQL.${postgres.port}`);
  engine = streamingEngine({
    connectionUrl: () => `postgres://postgres@127.0.0.1:${proxy.port}/postgres?sslmode=disable`,
    clock: systemClock,
    workers: 2,
    packBytesMax: 1 << 20,
    silenceMs: 2000,
  });
  whole = await take(memoryStore());
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

beforeEach(() => {
  store = faultyStore(memoryStore());
});

async function take(into: ObjectStore): Promise<BackupSummary> {
  const began = Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: seconds++ });
  return await engine.takeBackup({
    store: into,
    ring,
    server: SERVER,
    backupId: backupIdAt(began),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });
}

async function expectNothingRemains(): Promise<void> {
  expect(await Array.fromAsync(store.list('', { signal }))).toEqual([]);
  await waitUntil(async () => {
    const [row] = await postgres.query('SELECT count(*)::int AS n FROM pg_stat_replication');
    return row?.['n'] === 0;
  });
}

async function expectGoodNext(): Promise<void> {
  const summary = await take(store);
  const check = await engine.checkObjects({ store, ring, summary, signal, depth: 'all' });
  expect(check.damage).toEqual([]);
  expect(summary.sourceBytes).toBeGreaterThan(whole.sourceBytes / 2);
}

test.each(['close', 'close', 'close', 'halt'] as const)(
  'a network that is cut somewhere (%s) ends the backup, and nothing remains',
  async (how) => {
    proxy.breakAfter(random.next(whole.sourceBytes), how);

    await expect(take(store)).rejects.toMatchObject({ kind: { code: 'POSTGRES_CONNECTION_LOST' } });

    await expectNothingRemains();
    proxy.breakAfter(undefined);
    await expectGoodNext();
  },
);

test('a store that fails somewhere ends the backup with its problem, and nothing remains', async () => {
  for (let round = 0; round < 4; round++) {
    const error = new Error(`The store is on fire, round ${round}`);
    store.failWritesAfter(random.next(whole.storedBytes), error);

    await expect(take(store)).rejects.toBe(error);

    store.failWritesAfter(Number.POSITIVE_INFINITY, error);
    await expectNothingRemains();
  }
  await expectGoodNext();
});
