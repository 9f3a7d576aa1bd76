/** The log as a real server streams it: received under load, after kills, over a promotion. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { ClusterFolder } from '../../src/engines/engine.ts';
import { receiveWal } from '../../src/engines/streaming/wal-receiver.ts';
import type { ReceiveWalRequest } from '../../src/engines/streaming/wal-request.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import type { WalRun, WalStored } from '../../src/engines/wal-archive.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { historyName, isSegmentName, segmentNameAt } from '../../src/kernel/wal-name.ts';
import { connect } from '../../src/postgres/connect.ts';
import { readServerFacts } from '../../src/postgres/server-facts.ts';
import { createSlot, readSlot } from '../../src/postgres/slots.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const SEGMENT_BYTES = 1024 * 1024;
const RING = keyRing(new Map([['k1', randomBytes(32)]]));
const { signal } = new AbortController();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: { min_wal_size: '4MB', max_wal_size: '32MB', wal_keep_size: '0' },
  });
  await postgres.query('CREATE TABLE load (i int, text text)');
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('stores every segment that was written under load, byte for byte', async () => {
  const store = memoryStore();
  await using session = await connect(postgres.url(), { signal });
  await createSlot(session, 'under_load');
  await using receiver = startReceiver(store, 'under_load', postgres);

  await writeLog(postgres, 30);
  const end = await currentLsn(postgres);
  await receiver.untilStored(end);
  await receiver.stop();

  const folder = await folderOf(postgres);
  const found = await walStore.inventory({ ...at(store, folder), signal });
  expect(found.missing).toEqual([]);
  expect(found.runs).toHaveLength(1);
  expect(found.segments).toBeGreaterThan(8);
  expect(compareLsn(found.runs[0]?.toLsn ?? toLsn('0/0'), end)).not.toBe(-1);
  expect(await wrongSegments(postgres, store, found.runs[0], end)).toEqual([]);
});

test('leaves no gap when it is cut off again and again and started anew', async () => {
  const store = memoryStore();
  await using session = await connect(postgres.url(), { signal });
  await createSlot(session, 'cut_off');
  for (let round = 0; round < 4; round++) {
    await using receiver = startReceiver(store, 'cut_off', postgres);
    await writeLog(postgres, 4);
    await receiver.untilStored(await currentLsn(postgres));
    await writeLog(postgres, 3);
    await receiver.cutOff();
  }
  await using last = startReceiver(store, 'cut_off', postgres);
  const end = await currentLsn(postgres);
  await last.untilStored(end);
  await last.stop();

  const folder = await folderOf(postgres);
  const found = await walStore.inventory({ ...at(store, folder), signal });
  expect(found.missing).toEqual([]);
  expect(found.runs).toHaveLength(1);
  expect(await wrongSegments(postgres, store, found.runs[0], end)).toEqual([]);
});

test('lets the server forget only what is stored', async () => {
  const store = memoryStore();
  await using session = await connect(postgres.url(), { signal });
  await createSlot(session, 'forgets');
  await using receiver = startReceiver(store, 'forgets', postgres);
  await writeLog(postgres, 6);
  const end = await currentLsn(postgres);

  await receiver.untilStored(end);
  await receiver.stop();

  const slot = await readSlot(session, 'forgets');
  expect(compareLsn(slot?.restartLsn ?? toLsn('0/0'), end)).not.toBe(-1);
  expect(compareLsn(slot?.restartLsn ?? toLsn('F/0'), receiver.storedLsn())).toBe(0);
});

test('follows a promotion to the new timeline, with its history file', async () => {
  const store = memoryStore();
  await using primary = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await primary.query('CREATE TABLE load (i int, text text)');
  await primary.stop();
  const standbyData = join(primary.socketDirectory, 'standby');
  await cp(primary.dataDirectory, standbyData, { recursive: true, preserveTimestamps: true });
  await own(standbyData, primary);
  await writeFile(join(standbyData, 'standby.signal'), '');
  await primary.start();
  await writeFile(
    join(standbyData, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${primary.socketDirectory} port=${primary.port} user=postgres'\n`,
  );
  await using standby = await startPostgres({ dataDirectory: standbyData });
  await using session = await connect(standby.url(), { signal });
  await createSlot(session, 'follows');
  await using receiver = startReceiver(store, 'follows', standby);
  await writeLog(primary, 5);
  await receiver.untilStored(await currentLsn(primary));

  await standby.query('SELECT pg_promote(true)');
  await writeLog(standby, 5);
  const end = await currentLsn(standby);
  await receiver.untilStored(end);
  await receiver.stop();

  const folder = await folderOf(standby);
  const found = await walStore.inventory({ ...at(store, folder), signal });
  expect(found.histories).toEqual([historyName(2)]);
  expect(found.missing).toEqual([]);
  expect(found.runs.map(({ timeline }) => timeline)).toEqual([1, 2]);
  expect(await wrongSegments(standby, store, found.runs[1], end)).toEqual([]);
  const name = '00000002.history';
  const stored = await walStore.read({ ...at(store, folder), name, signal });
  const original = join(standby.dataDirectory, 'pg_wal', name);
  expect(String(stored)).toBe(await readFile(original, 'utf8'));
});

interface Receiver extends AsyncDisposable {
  untilStored(lsn: Lsn): Promise<void>;
  storedLsn(): Lsn;
  /** Orderly. */
  stop(): Promise<void>;
  /** As when the store's machine goes away in the middle of a write. */
  cutOff(): Promise<void>;
}

function startReceiver(store: ObjectStore, slot: string, server: TestPostgres): Receiver {
  const stopping = new AbortController();
  const cut = new AbortController();
  let stored: WalStored | undefined;
  const request: ReceiveWalRequest = {
    store: cuttable(store, cut.signal),
    ring: RING,
    url: server.url(),
    server: serverName(),
    slot,
    tailSeconds: 0.05,
    clock: systemClock,
    log: silentLog,
    signal: stopping.signal,
    ready: () => undefined,
    onStored: async (news) => {
      stored = news;
    },
  };
  const ended = receiveWal(request);
  ended.catch(() => undefined);
  return {
    async untilStored(lsn) {
      const reached = waitUntil(
        () => compareLsn(stored?.storedLsn ?? toLsn('0/0'), lsn) !== -1 || stopping.signal.aborted,
        30_000,
      );
      // A receiver that has failed tells why, instead of letting us wait.
      await Promise.race([reached, ended.then(() => reached)]);
    },
    storedLsn: () => stored?.storedLsn ?? toLsn('0/0'),
    async stop() {
      stopping.abort(new Error('stop'));
      await ended;
    },
    async cutOff() {
      cut.abort(new Error('cut off'));
      await expect(ended).rejects.toThrow('cut off');
      // The server may take a moment to notice; until then it gives the slot to nobody else.
      await waitUntil(async () => {
        const used = `SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = '${slot}'`;
        return (await server.query(used)).length === 0;
      });
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('stop'));
      await ended.catch(() => undefined);
    },
  };
}

function cuttable(store: ObjectStore, cut: AbortSignal): ObjectStore {
  return {
    description: store.description,
    open: (key, options) => store.open(key, options),
    stat: (key, options) => store.stat(key, options),
    list: (prefix, options) => store.list(prefix, options),
    remove: (key, options) => store.remove(key, options),
    census: (options) => store.census(options),
    sweep: (options) => store.sweep(options),
    put: async (key, body, options) => {
      cut.throwIfAborted();
      const written = await store.put(key, body, options);
      cut.throwIfAborted();
      return written;
    },
  };
}

function serverName(): ClusterFolder['server'] {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  return name;
}

async function folderOf(server: TestPostgres): Promise<ClusterFolder> {
  await using session = await connect(server.url(), { signal });
  const { major, systemId } = await readServerFacts(session);
  return { server: serverName(), major, systemId };
}

function at(
  store: ObjectStore,
  folder: ClusterFolder,
): {
  store: ObjectStore;
  ring: typeof RING;
  folder: ClusterFolder;
  segmentBytes: number;
} {
  return { store, ring: RING, folder, segmentBytes: SEGMENT_BYTES };
}

/** Transactions of about half a megabyte of log each. */
async function writeLog(server: TestPostgres, transactions: number): Promise<void> {
  for (let i = 0; i < transactions; i++)
    await server.query(
      `INSERT INTO load SELECT i, repeat(md5(random()::text), 8) FROM generate_series(1, 1500) AS i`,
    );
}

async function currentLsn(server: TestPostgres): Promise<Lsn> {
  const [row] = await server.query(
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                 ELSE pg_current_wal_flush_lsn() END::text AS lsn`,
  );
  return toLsn(String(row?.['lsn']));
}

/** Segments from the run's begin to `end` whose stored bytes are not those in the server's own folder. */
async function wrongSegments(
  server: TestPostgres,
  store: ObjectStore,
  run: WalRun | undefined,
  end: Lsn,
): Promise<string[]> {
  const { timeline, fromLsn } = run ?? { timeline: 0, fromLsn: end };
  const folder = await folderOf(server);
  const rows = await server.query(
    `SELECT name FROM pg_ls_waldir() WHERE name >= $1 AND name <= $2 AND length(name) = 24 ORDER BY name`,
    [segmentNameAt(timeline, fromLsn, SEGMENT_BYTES), segmentNameAt(timeline, end, SEGMENT_BYTES)],
  );
  expect(rows.length).toBeGreaterThan(0);
  const wrong: string[] = [];
  for (const row of rows) {
    const name = String(row['name']);
    if (!isSegmentName(name)) throw new TypeError(name);
    const fetched =
      (await walStore.read({ ...at(store, folder), name, signal })) ?? Buffer.alloc(0);
    const original = await readFile(join(server.dataDirectory, 'pg_wal', name));
    const isLast = name === segmentNameAt(timeline, end, SEGMENT_BYTES);
    const used = isLast ? Number(lsnBytes(end)) % SEGMENT_BYTES : undefined;
    if (!fetched.subarray(0, used).equals(original.subarray(0, used))) wrong.push(name);
    // What is stored of the last one may end with it, or go on.
    if (!isLast && fetched.length !== SEGMENT_BYTES)
      wrong.push(`${name} has ${fetched.length} bytes`);
  }
  return wrong;
}

async function own(folder: string, { user }: TestPostgres): Promise<void> {
  if (user === undefined) return;
  await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
}
