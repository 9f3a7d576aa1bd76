/** Before a backup is written: the key, the owner of the store, and the cluster that is meant. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { backupsOperation } from '../../src/backup/backups-operation.ts';
import type { BackupDeps } from '../../src/backup/deps.ts';
import { rebuildOperation } from '../../src/backup/rebuild-operation.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
const actor = { kind: 'terminal', id: 'ana', name: 'ana', zone: 'UTC' } as const;
const FIRST_KEY = keyRing(new Map([['k1', randomBytes(32)]]));
let postgres: TestPostgres;
let folder: TemporaryFolder;
let store: ObjectStore;
let installations: AsyncDisposableStack;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await temporaryFolder();
  store = memoryStore();
  installations = new AsyncDisposableStack();
});

afterEach(async () => {
  await dropSlots();
  await installations[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** A catalogue of its own, on the one store. */
async function install(name: string, server = postgres): Promise<BackupDeps> {
  const clock = systemClock;
  const catalog = await openSqliteCatalog({ path: join(folder.path, name), clock });
  installations.use(catalog);
  const url = server.url();
  return {
    engine: streamingEngine({ connectionUrl: () => url, clock, workers: 1 }),
    storesOf: () => [{ name: 'here', store }],
    ring: FIRST_KEY,
    catalog,
    clock,
    walArchive: walStore,
    servers: { shop: { url, archiving: { tail_seconds: 1 } } },
  };
}

/** A backup is named after its second: two of one server never begin in the same. */
async function backUp(deps: BackupDeps) {
  const second = secondNow();
  await waitUntil(() => secondNow() !== second);
  const operation = backupOperation(deps);
  const { plan } = await operation.prepare({}, { actor, signal });
  return operation.result.parse(await operation.run(plan, testRun()));
}

function secondNow(): number {
  return Math.floor(systemClock.now().epochMilliseconds / 1000);
}

async function keys(): Promise<readonly string[]> {
  const infos = await Array.fromAsync(store.list('', { signal }));
  return infos.map(({ key }) => key);
}

async function findingsOf({ catalog }: BackupDeps): Promise<string> {
  return JSON.stringify(await catalog.findings.list('shop'));
}

/** The server may take a moment to notice that whoever used a slot has gone. */
async function dropSlots(): Promise<void> {
  await waitUntil(async () => {
    const used = await postgres.query('SELECT 1 FROM pg_replication_slots WHERE active');
    return used.length === 0;
  });
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
}

async function slots(): Promise<number> {
  return (await postgres.query('SELECT 1 FROM pg_replication_slots')).length;
}

test('a backup with another key than the backups there is refused before anything is written', async () => {
  const deps = await install('one');
  await backUp(deps);
  const before = await keys();
  await dropSlots();
  const other = { ...deps, ring: keyRing(new Map([['k2', randomBytes(32)]])) };

  await expect(backUp(other)).rejects.toThrow(/the backup there cannot be read with the key "k2"/);

  expect(await keys()).toEqual(before);
  expect(await slots()).toBe(0);
  expect(await findingsOf(deps)).toContain('ARCHIVING_OTHER_KEY');
  await backUp(deps);
  expect(await findingsOf(deps)).not.toContain('ARCHIVING_OTHER_KEY');
});

test('a second installation is refused until it takes over, and then the first one is', async () => {
  const [first, second] = [await install('one'), await install('two')];
  await backUp(first);
  const before = await keys();

  await expect(backUp(second)).rejects.toMatchObject({ kind: { code: 'ARCHIVING_STORE_OWNED' } });
  expect(await keys()).toEqual(before);
  await rebuildOperation(second).run({ stores: ['here'], takeOver: true }, testRun());
  await backUp(second);

  await expect(backUp(first)).rejects.toMatchObject({ kind: { code: 'ARCHIVING_STORE_OWNED' } });
  expect(await findingsOf(second)).not.toContain('ARCHIVING_STORE_OWNED');
  expect((await keys()).filter((key) => key.includes('/owner/'))).toHaveLength(2);
});

test('backups of another cluster under the same name are kept apart and told of', async () => {
  await backUp(await install('one'));
  await using upgraded = await startPostgres();
  const after = await install('one', upgraded);

  const { warnings } = await backUp(after);
  const report = await backupsOperation(after).run({ servers: ['shop'], all: false }, testRun());

  expect(warnings).toEqual([
    expect.stringMatching(/^The store also holds 1 backup of another cluster of shop \(/),
  ]);
  expect(await findingsOf(after)).toContain('BACKUP_OTHER_CLUSTER');
  expect(report.clusters.map(({ backups }) => backups)).toEqual([1, 1]);
});
