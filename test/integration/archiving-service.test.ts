/** The archiving service, its guard, waiting for WAL, and the operations, against a real server. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { ArchivingDeps, ArchivingServer } from '../../src/archiving/deps.ts';
import { forgetOperation } from '../../src/archiving/forget-operation.ts';
import { prepareSlot } from '../../src/archiving/prepare-slot.ts';
import {
  NOT_ARCHIVING,
  SLOT_UNGUARDED,
  STILL_ARCHIVING,
  WOULD_BE_SYNCHRONOUS,
} from '../../src/archiving/problems.ts';
import { archivingService } from '../../src/archiving/services.ts';
import { archiveUntil, waitForStoredWal } from '../../src/archiving/wait-for-wal.ts';
import { walOperation } from '../../src/archiving/wal-operation.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import {
  findLatestCommit,
  readStoredTransactions,
} from '../../src/engines/streaming/wal-transactions.ts';
import type { Actor } from '../../src/gate/people.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { connect } from '../../src/postgres/connect.ts';
import { NO_REPLICATION_RIGHT } from '../../src/postgres/problems.ts';
import { readServerFacts } from '../../src/postgres/server-facts.ts';
import { readSlot } from '../../src/postgres/slots.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { currentLsn } from '../support/archived-server.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;
let server: ArchivingServer;
let deps: ArchivingDeps;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query('CREATE TABLE load (i int, text text)');
});

beforeEach(async () => {
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog.db'), clock: systemClock });
  server = {
    name: serverName(),
    url: postgres.url(),
    storeName: 'here',
    store: memoryStore(),
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 0.1,
  };
  deps = { catalog, clock: systemClock, log: silentLog };
});

afterEach(async () => {
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await setting('max_slot_wal_keep_size', '1GB');
  await setting('synchronous_standby_names', '');
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('refuses a slot that could fill the disk, with a finding and the exact remedy', async () => {
  await setting('max_slot_wal_keep_size', '-1');

  const refused = prepareSlot(server, deps, { signal });

  await expect(refused).rejects.toSatisfy(
    (error) =>
      isProblem(error, SLOT_UNGUARDED) &&
      error.hint.includes('ALTER SYSTEM SET max_slot_wal_keep_size'),
  );
  expect(await slots()).toEqual([]);
  expect(await catalog.findings.list('shop')).toMatchObject([{ code: 'ARCHIVING_SLOT_UNGUARDED' }]);

  await setting('max_slot_wal_keep_size', '1GB');
  await prepareSlot(server, deps, { signal });
  expect(await catalog.findings.list('shop')).toEqual([]);
  expect(await slots()).toEqual(['dbdr_shop']);
});

test('makes an unbounded slot where the config allows it, and says so in the journal once', async () => {
  await setting('max_slot_wal_keep_size', '-1');
  const allowed = { ...server, allowUnboundedSlot: true };

  await prepareSlot(allowed, deps, { signal });
  await prepareSlot(allowed, deps, { signal });

  expect(await slots()).toEqual(['dbdr_shop']);
  const entries = await catalog.journal.newest(10);
  expect(entries).toMatchObject([
    { what: 'unbounded slot allowed', data: { server: 'shop' }, runId: null },
  ]);
});

test('refuses an unbounded slot again once the config no longer allows it', async () => {
  await setting('max_slot_wal_keep_size', '-1');
  await prepareSlot({ ...server, allowUnboundedSlot: true }, deps, { signal });

  const refused = prepareSlot(server, deps, { signal });

  await expect(refused).rejects.toSatisfy((error) => isProblem(error, SLOT_UNGUARDED));
});

test('refuses to become a synchronous standby, because commits would wait for the store', async () => {
  await setting('synchronous_standby_names', 'ANY 1 (*)');

  const refused = prepareSlot(server, deps, { signal });

  await expect(refused).rejects.toSatisfy((error) => isProblem(error, WOULD_BE_SYNCHRONOUS));
  expect(await slots()).toEqual([]);
});

test('notes the slot before it makes it', async () => {
  const broken: ArchivingServer = { ...server, url: `${server.url}&options=-c%20role%3Dreader` };
  await postgres.query('CREATE ROLE reader');

  await expect(prepareSlot(broken, deps, { signal })).rejects.toSatisfy((error) =>
    isProblem(error, NO_REPLICATION_RIGHT),
  );

  expect(await slots()).toEqual([]);
  expect(await catalog.resources.list()).toMatchObject([
    { kind: 'slot', reference: { server: 'shop', slot: 'dbdr_shop' } },
  ]);
});

test('archives all the time: a commit is stored and remembered soon after', async () => {
  const stopping = new AbortController();
  let isReady = false;
  const running = archivingService(server, deps).run({
    signal: stopping.signal,
    ready: () => {
      isReady = true;
    },
  });
  await takeLease();

  const lsn = await writeLog();
  await waitForStoredWal({ ...deps, server: server.name, storeName: 'here', lsn, signal });
  const wal = await look();

  expect(isReady).toBe(true);
  expect(wal).toMatchObject({ lagBytes: 0, rpoSeconds: 0, missing: [], unreachable: null });
  expect(wal.coverage).toHaveLength(1);
  expect(wal.slot).toMatchObject({ name: 'dbdr_shop', active: true });
  stopping.abort();
  await running;
});

test('does not take the position of another cluster for this one', async () => {
  await catalog.walProgress.record({
    server: 'shop',
    store: 'here',
    systemId: '1',
    timeline: 1,
    storedLsn: 'FF/0',
    serverLsn: 'FF/0',
    at: '2026-11-24T12:00:00.000000Z',
  });
  await prepareSlot(server, deps, { signal });
  const lsn = await writeLog();

  await archiveUntil({ server, lsn, deps, holder: 'a backup', signal });

  const progress = await catalog.walProgress.find('shop', 'here');
  expect(progress?.systemId).not.toBe('1');
  expect((await look()).lagBytes).toBe(0);
});

test('archives by itself where nobody does, up to the position and no longer', async () => {
  await prepareSlot(server, deps, { signal });
  const lsn = await writeLog();

  await archiveUntil({ server, lsn, deps, holder: 'a backup', signal });

  const wal = await look();
  expect(wal.missing).toEqual([]);
  expect(wal.slot).toMatchObject({ active: false });
  expect(await catalog.leases.holderOf('archiving:shop', '2026-11-24T12:00:00.000000Z')).toBe(
    undefined,
  );
});

test('gives up waiting where nobody archives, and says so', async () => {
  const waiting = waitForStoredWal({
    ...deps,
    clock: { ...systemClock, elapsedMs: () => systemClock.elapsedMs() * 1000 },
    server: server.name,
    storeName: 'here',
    lsn: toLsn('FF/0'),
    signal,
  });

  await expect(waiting).rejects.toSatisfy((error) => isProblem(error, NOT_ARCHIVING));
});

test('finds the newest commit in what is stored, and every commit in order', async () => {
  await prepareSlot(server, deps, { signal });
  const before = systemClock.now();
  await writeLog();
  const lsn = await writeLog();
  await archiveUntil({ server, lsn, deps, holder: 'a backup', signal });
  await using session = await connect(postgres.url(), { signal });
  const { major, systemId, segmentBytes } = await readServerFacts(session);
  const stored = {
    store: server.store,
    ring: server.ring,
    folder: { server: server.name, major, systemId },
    segmentBytes,
    signal,
  };
  const { runs } = await walStore.inventory(stored);
  const [run] = runs;
  if (run === undefined) throw new Error('Nothing is stored');

  const latest = await findLatestCommit(stored, run);
  const all = await Array.fromAsync(readStoredTransactions(stored, run));

  expect(latest).toEqual(all.findLast(({ kind }) => kind === 'commit'));
  expect(all.length).toBeGreaterThanOrEqual(2);
  const at = latest?.at ?? before;
  expect(Temporal.Instant.compare(at, before.subtract({ milliseconds: 1 }))).toBe(1);
  expect(compareLsn(latest?.endLsn ?? toLsn('0/0'), lsn)).not.toBe(1);
});

test('tells what is stored when the server is gone', async () => {
  await prepareSlot(server, deps, { signal });
  const lsn = await writeLog();
  await archiveUntil({ server, lsn, deps, holder: 'a backup', signal });

  server = { ...server, url: 'postgres://u:s3cret@127.0.0.1:1/x' };
  const wal = await look();

  expect(wal.coverage).toHaveLength(1);
  expect(wal.lagBytes).toBeNull();
  expect(wal.rpoSeconds).toBeGreaterThanOrEqual(0);
  expect(wal.unreachable?.code).toBe('POSTGRES_UNREACHABLE');
  expect(JSON.stringify(wal)).not.toContain('s3cret');
});

test('forgets a server only when nobody archives it, and keeps what is stored', async () => {
  const operation = forgetOperation({
    ...deps,
    servers: [server],
    archive: walStore,
    follow: followWal,
  });
  const stopping = new AbortController();
  const running = archivingService(server, deps).run({
    signal: stopping.signal,
    ready: () => undefined,
  });
  await takeLease();
  const lsn = await writeLog();
  await waitForStoredWal({ ...deps, server: server.name, storeName: 'here', lsn, signal });
  await expect(operation.recheck({ ...EMPTY_PLAN, server: 'shop' }, { signal })).rejects.toSatisfy(
    (error) => isProblem(error, STILL_ARCHIVING),
  );
  stopping.abort();
  await running;
  await waitUntil(async () => (await slotState())?.active === false);

  const { plan } = await operation.prepare({ server: 'shop' }, { actor: actor(), signal });
  const result = await operation.run(plan, testRun());

  expect(operation.danger(plan)).toBe('high');
  expect(result.removed).toEqual(['slot dbdr_shop']);
  expect(await slots()).toEqual([]);
  expect(await catalog.resources.list()).toEqual([]);
  const left = await Array.fromAsync(server.store.list('shop/', { signal }));
  expect(left.length).toBeGreaterThan(0);
});

const EMPTY_PLAN = { slot: 'dbdr_shop', slotExists: true, schemas: [], stays: [] };

function serverName(): ArchivingServer['name'] {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  return name;
}

async function setting(name: string, value: string): Promise<void> {
  await postgres.query(`ALTER SYSTEM SET ${name} = '${value}'`);
  await postgres.query('SELECT pg_reload_conf()');
  await waitUntil(async () => {
    const [row] = await postgres.query(
      'SELECT setting, reset_val FROM pg_settings WHERE name = $1',
      [name],
    );
    const want = value === '1GB' ? '1024' : value;
    return row?.['setting'] === want;
  });
}

async function slots(): Promise<unknown[]> {
  const rows = await postgres.query('SELECT slot_name::text AS name FROM pg_replication_slots');
  return rows.map((row) => row['name']);
}

async function slotState(): ReturnType<typeof readSlot> {
  await using session = await connect(postgres.url(), { signal });
  return await readSlot(session, 'dbdr_shop');
}

async function writeLog(): Promise<Lsn> {
  await postgres.query(
    `INSERT INTO load SELECT i, repeat(md5(random()::text), 8) FROM generate_series(1, 3000) AS i`,
  );
  return await currentLsn(postgres);
}

/** What the supervisor does for a service. */
async function takeLease(): Promise<void> {
  const until = '2099-01-01T00:00:00.000000Z';
  const now = '2026-11-24T12:00:00.000000Z';
  await catalog.leases.take('archiving:shop', 'the supervisor', until, now);
}

async function look(): ReturnType<ReturnType<typeof walOperation>['run']> {
  const operation = walOperation({
    ...deps,
    servers: [server],
    archive: walStore,
    follow: followWal,
  });
  const { plan } = await operation.prepare({}, { actor: actor(), signal });
  return await operation.run(plan, testRun());
}

function actor(): Actor {
  return { kind: 'terminal', id: 'os:test', name: 'test', zone: 'UTC' };
}
