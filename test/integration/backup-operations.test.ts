/** The operations `backup`, `backups` and `rebuild`, against a real server, store and catalogue. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { backupsOperation } from '../../src/backup/backups-operation.ts';
import type { BackupDeps } from '../../src/backup/deps.ts';
import { BACKUP_PACKS, backupPacksSweeper } from '../../src/backup/packs-sweeper.ts';
import { rebuildOperation } from '../../src/backup/rebuild-operation.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn } from '../../src/kernel/lsn.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../src/storage/problems.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();
const actor = { kind: 'terminal', id: 'ana', name: 'ana', zone: 'UTC' } as const;
let postgres: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;
let store: FaultyStore;
let deps: BackupDeps;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query(
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 50000) i',
  );
});

beforeEach(async () => {
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog.db'), clock: systemClock });
  store = faultyStore(memoryStore());
  deps = {
    engine: streamingEngine({
      connectionUrl: () => postgres.url(),
      clock: systemClock,
      workers: 2,
    }),
    storesOf: () => [{ name: 'here', store }],
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    catalog,
    clock: systemClock,
    walArchive: walStore,
    servers: { shop: { url: postgres.url(), archiving: { tail_seconds: 1 } } },
  };
});

afterEach(async () => {
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function backUp(run = testRun()): Promise<{ readonly backupId: string }> {
  const operation = backupOperation(deps);
  const { plan } = await operation.prepare({}, { actor, signal });
  await operation.recheck(plan, { signal });
  const result = await operation.run(plan, run);
  expect(operation.exitCode?.(result)).toBe(0);
  return result;
}

test('`backup` is done when the WAL that makes the copy consistent is stored, and leaves no claim', async () => {
  const run = testRun();

  const result = await backUp(run);

  expect(run.steps).toEqual([
    'Make the server keep its log',
    'Copy its files',
    'Wait until its WAL is stored',
    'Read every pack back',
  ]);
  expect([...run.claims.values()]).toEqual([]);
  expect(result).toMatchObject({ server: 'shop', stores: ['here'], damagedFiles: [], damage: [] });
  const { backups } = await deps.engine.listBackups({
    store,
    ring: deps.ring,
    server: plainServer(),
    signal,
  });
  expect(backups.map(({ backupId }) => backupId)).toEqual([result.backupId]);
  const [summary] = backups;
  if (summary === undefined) throw new Error('No backup');
  const inventory = await walStore.inventory({
    store,
    ring: deps.ring,
    folder: summary,
    segmentBytes: summary.segmentBytes,
    signal,
  });
  expect(inventory.runs).toHaveLength(1);
  for (const { fromLsn, toLsn } of inventory.runs) {
    expect(compareLsn(fromLsn, summary.beginLsn)).toBeLessThanOrEqual(0);
    expect(compareLsn(toLsn, summary.endLsn)).toBeGreaterThanOrEqual(0);
  }
});

test('`backup` is not done when the store lacks a part of the WAL it needs', async () => {
  deps = {
    ...deps,
    walArchive: {
      ...walStore,
      inventory: async (request) => {
        const found = await walStore.inventory(request);
        // A slot that was lost and made anew: the log is stored from its end on only.
        return { ...found, runs: found.runs.map((run) => ({ ...run, fromLsn: run.toLsn })) };
      },
    },
  };

  await expect(backUp()).rejects.toMatchObject({ kind: { code: 'BACKUP_WAL_INCOMPLETE' } });
});

test('a backup whose packs were swept while it stood still is not committed', async () => {
  const inner = store;
  const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
  const swept: ObjectStore = {
    ...inner,
    put: async (key, body, options) => {
      const written = await inner.put(key, body, options);
      if (key.endsWith('/manifest'))
        for await (const { key: pack } of inner.list('shop/', options))
          if (pack.endsWith('/pack-0001')) await inner.remove(pack, options);
      return written;
    },
  };
  const request = { store: swept, ring: deps.ring, server: plainServer(), signal };

  const taking = engine.takeBackup({
    ...request,
    backupId: backupIdAt(systemClock.now()),
    log: silentLog,
    onProgress: () => undefined,
  });

  await expect(taking).rejects.toThrow('it went away before the backup was whole');
  expect(await engine.listBackups(request)).toEqual({ backups: [], unreadable: [] });
});

test('`rebuild` strikes no backup that is committed while it reads the store', async () => {
  await backUp();
  const [row] = await catalog.backups.list('shop');
  if (row === undefined) throw new Error('Not recorded');
  const engine: BackupDeps['engine'] = {
    ...deps.engine,
    listBackups: async (request) => {
      const listing = await deps.engine.listBackups(request);
      await catalog.backups.record({ ...row, backupId: otherId() });
      return listing;
    },
  };

  await rebuildOperation({ ...deps, engine }).run({ stores: ['here'], takeOver: false }, testRun());

  expect(await catalog.backups.list('shop')).toHaveLength(2);
});

function plainServer(): Parameters<BackupDeps['storesOf']>[0] {
  const [name] = Object.keys(deps.servers).filter(isServerName);
  if (name === undefined) throw new Error('No server');
  return name;
}

test('`backups` lists what the store holds, with the verdict the catalogue remembers', async () => {
  const { backupId } = await backUp();
  const [row] = await catalog.backups.list('shop');
  if (row === undefined) throw new Error('Not recorded');
  const at = '2026-11-22T04:00:00.000000Z';
  await catalog.backups.markVerified({
    server: 'shop',
    backupId: row.backupId,
    store: 'here',
    verdict: 'PASS',
    at,
    runId: testRun().id,
  });
  const operation = backupsOperation(deps);

  const { plan } = await operation.prepare({}, { actor, signal });
  const report = await operation.run(plan, testRun());

  expect(report).toMatchObject({
    backups: [{ backupId, stores: ['here'], tiers: [], verified: { verdict: 'PASS', at } }],
    older: 0,
    unreadable: [],
    unreachable: [],
  });
});

test('`backups` tells of a store that is away what is remembered, and that it is away', async () => {
  const { backupId } = await backUp();
  store.failNext('list', new Problem(STORE_UNREACHABLE, 'Cannot list'));
  const operation = backupsOperation(deps);

  const report = await operation.run({ servers: ['shop'], all: false }, testRun());

  expect(report.backups.map((backup) => backup.backupId)).toEqual([backupId]);
  expect(report.unreachable).toEqual([{ store: 'here', reason: 'Cannot list' }]);
  expect(operation.exitCode?.(report)).toBe(4);
});

test('`rebuild` makes the list again from the store alone, and strikes what the store lost', async () => {
  const { backupId } = await backUp();
  const [row] = await catalog.backups.list('shop');
  if (row === undefined) throw new Error('Not recorded');
  await catalog.backups.remove('shop', row.backupId, 'here');
  await catalog.backups.record({ ...row, backupId: otherId() });
  const operation = rebuildOperation(deps);

  const { plan } = await operation.prepare({ store: 'here' }, { actor, signal });
  const report = await operation.run(plan, testRun());

  expect(report.servers).toMatchObject([
    { server: 'shop', store: 'here', backups: [backupId], gone: ['20010101T000000Z'], missing: [] },
  ]);
  expect(report.servers[0]?.coverage).toHaveLength(1);
  expect((await catalog.backups.list('shop')).map((one) => one.backupId)).toEqual([backupId]);
  await expect(operation.prepare({ store: 'her' }, { actor, signal })).rejects.toMatchObject({
    kind: { code: 'BACKUP_STORE_UNKNOWN' },
    hint: 'Did you mean `here`?',
  });
});

test('`backups` and `rebuild` tell of a manifest that cannot be read, as their schemas say', async () => {
  await backUp();
  store.damage(/manifest$/, (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('"timeline":1', '"timeline":2'), 'latin1'),
  );
  const listing = backupsOperation(deps);
  const rebuilding = rebuildOperation(deps);

  const listed = listing.result.parse(
    await listing.run({ servers: ['shop'], all: false }, testRun()),
  );
  const rebuilt = rebuilding.result.parse(
    await rebuilding.run({ stores: ['here'], takeOver: false }, testRun()),
  );

  expect(listed.unreadable).toHaveLength(1);
  expect(rebuilt.servers[0]?.unreadable).toHaveLength(1);
});

function otherId(): ReturnType<typeof backupIdAt> {
  return backupIdAt(Temporal.Instant.from('2001-01-01T00:00:00Z'));
}

test('what a failed backup claimed is swept, and a committed backup with a claim is not', async () => {
  const run = testRun();
  store.failWritesAfter(100_000, new Error('The store is on fire'));
  await expect(backUp(run)).rejects.toThrow('The store is on fire');
  store.failWritesAfter(Number.POSITIVE_INFINITY, new Error('never'));
  const kept = await backUp();
  const sweeper = backupPacksSweeper(deps);
  const claims = [...run.claims.values()];
  expect(claims).toMatchObject([
    { kind: BACKUP_PACKS, reference: { server: 'shop', store: 'here' } },
  ]);

  for (const { reference } of claims) await sweeper.sweep(reference, { signal, log: silentLog });
  await sweeper.sweep(
    { server: 'shop', store: 'here', backupId: kept.backupId },
    { signal, log: silentLog },
  );

  const { backups } = await deps.engine.listBackups({
    store,
    ring: deps.ring,
    server: plainServer(),
    signal,
  });
  expect(backups.map(({ backupId }) => backupId)).toEqual([kept.backupId]);
  const check = await Promise.all(
    backups.map((summary) =>
      deps.engine.checkObjects({ store, ring: deps.ring, summary, depth: 'all', signal }),
    ),
  );
  expect(check.flatMap(({ damage }) => damage)).toEqual([]);
});

test('`backup` of a server that nobody named is refused with the likely one', async () => {
  await expect(
    backupOperation(deps).prepare({ server: 'shap' }, { actor, signal }),
  ).rejects.toMatchObject({
    kind: { code: 'BACKUP_SERVER_UNKNOWN', fault: 'request' },
    hint: 'Did you mean `shop`?',
  });
});
