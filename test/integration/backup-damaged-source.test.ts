/**
 * Backups that are not sound: a server whose own pages are damaged, a store that gives back other bytes.
 * Both end in FAIL with their evidence, are kept apart, and are never counted as good.
 */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { z } from 'zod';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import type { BackupDeps } from '../../src/backup/deps.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { isObject } from '../../src/cli/text.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupListing } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { readStanding } from '../../src/monitoring/standing.ts';
import { chooseBase } from '../../src/recovery/choose-base.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

type BackupResult = z.infer<ReturnType<typeof backupOperation>['result']>;

const { signal } = new AbortController();
const SERVER = testServerName('shop');
const PAGE_BYTES = 8192;
/** Bytes of a page that a bit is flipped in, and its block. */
const [WITHIN, BLOCK] = [4000, 3];

let postgres: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;
let store: FaultyStore;
let deps: BackupDeps;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query('CREATE TABLE orders AS SELECT generate_series(1, 20000) AS id');
  await postgres.query('CHECKPOINT');
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock: systemClock });
  store = faultyStore(memoryStore());
  let began = systemClock.now();
  deps = {
    engine: streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock }),
    storesOf: () => [{ name: 'here', store }],
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    catalog,
    // Each backup has a second of its own.
    clock: { ...systemClock, now: () => (began = began.add({ seconds: 1 })) },
    walArchive: walStore,
    servers: { shop: { url: postgres.url(), archiving: { tail_seconds: 1 } } },
  };
});

afterEach(async () => {
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Flips a bit on the server's disk; answers the file. The second time all is well again. */
async function flipOnTheServer(): Promise<string> {
  const [row] = await postgres.query("SELECT pg_relation_filepath('orders') AS path");
  const path = String(row?.['path']);
  await postgres.stop();
  {
    await using file = await open(join(postgres.dataDirectory, path), 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, BLOCK * PAGE_BYTES + WITHIN);
    byte[0] = (byte[0] ?? 0) ^ 4;
    await file.write(byte, 0, 1, BLOCK * PAGE_BYTES + WITHIN);
  }
  await postgres.start();
  return path;
}

async function backUp(): Promise<{
  readonly result: BackupResult;
  readonly exitCode: number | undefined;
}> {
  const operation = backupOperation(deps);
  const { actor } = testRun();
  const { plan } = await operation.prepare({}, { actor, signal });
  const result = operation.result.parse(await operation.run(plan, testRun()));
  return { result, exitCode: operation.exitCode?.(result) };
}

async function listing(): Promise<BackupListing> {
  return await deps.engine.listBackups({ store, ring: deps.ring, server: SERVER, signal });
}

async function openFindings(): Promise<readonly unknown[]> {
  const findings = await catalog.findings.list();
  return findings.map((finding) => (isObject(finding) ? finding['code'] : finding));
}

async function lastGood(): Promise<string | null> {
  const objectives = { rpoSeconds: 60, rtoSeconds: 60, alarmHours: 26 };
  const watched = { name: SERVER, stores: ['here'], url: '', ...objectives };
  return (await readStanding(watched, { catalog, clock: systemClock })).lastBackupAt;
}

test('damage on the server makes the backup FAIL, with files and blocks, and never the base of choice', async () => {
  const good = await backUp();
  const goodAt = await lastGood();
  const path = await flipOnTheServer();

  const bad = await backUp();

  expect(good.exitCode).toBe(0);
  expect(bad.exitCode).toBe(1);
  expect(bad.result).toMatchObject({ damagedFiles: [path], damagedPlaces: [`${path} (block 3)`] });
  const { backups } = await listing();
  expect(backups.map(({ damagedBlocks }) => damagedBlocks)).toEqual([undefined, { [path]: [3] }]);
  const rows = await catalog.backups.list(SERVER);
  expect(new Set(rows.map(({ verdict }) => verdict))).toEqual(new Set(['FAIL', null]));
  expect(await openFindings()).toEqual(['BACKUP_SOURCE_DAMAGED']);
  expect(await lastGood()).toBe(goodAt);
  expect(await chosenBase(backups)).toBe(good.result.backupId);

  await flipOnTheServer();
  await backUp();
  expect(await openFindings()).toEqual([]);
});

async function chosenBase(backups: BackupListing['backups']): Promise<string | undefined> {
  const [{ major, systemId, segmentBytes } = fail()] = backups;
  const inventory = await walStore.inventory({
    store,
    ring: deps.ring,
    folder: { server: SERVER, major, systemId },
    segmentBytes,
    signal,
  });
  const known = { backups, inventories: new Map([[systemId, inventory]]), progress: undefined };
  const choice = chooseBase(known, { kind: 'latest', asked: 'latest' });
  return choice.outcome === 'found' ? choice.base.backupId : undefined;
}

function fail(): never {
  throw new Error('There is a backup');
}

test.each([
  ['the first frame of a pack', /pack-0002$/, 600],
  ['the manifest', /manifest$/, 2500],
])('a store that gives back other bytes of %s makes the backup FAIL', async (_what, key, place) => {
  store.damage(key, (bytes, at) => {
    const within = place - at;
    if (within >= 0 && within < bytes.length) bytes[within] = (bytes[within] ?? 0) ^ 1;
    return bytes;
  });

  const { result, exitCode } = await backUp();

  expect(exitCode).toBe(1);
  expect(result.damage).toEqual([
    expect.stringMatching(/Cannot decrypt ".*\/(?:pack-0002|manifest)"/),
  ]);
  expect((await catalog.backups.list(SERVER)).map(({ verdict }) => verdict)).toEqual(['FAIL']);
  expect(await openFindings()).toEqual(['BACKUP_READ_BACK_FAILED']);
  expect(await lastGood()).toBeNull();
});
