/**
 * The store is down for an hour under load: people are called because the log is behind and because the store
 * does not take it, the server keeps all of it, both are over by themselves, and a restore from the store alone
 * has every row.
 */
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import type { MonitoringDeps } from '../../src/monitoring/deps.ts';
import { probeService } from '../../src/monitoring/probe-service.ts';
import { connect } from '../../src/postgres/connect.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import type { RecoveryDeps } from '../../src/recovery/deps.ts';
import { restoreToScratch } from '../../src/recovery/point-in-time/restore.ts';
import {
  type ArchivedServer,
  archivedServer,
  currentLsn,
  logFiles,
  writeLog,
} from '../support/archived-server.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import { SEGMENT_BYTES, startSmallSegments } from '../support/small-segments.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
const ROWS =
  'SELECT count(*)::int AS rows, sum(hashtextextended(load::text, 0))::text AS hash FROM load';
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startSmallSegments();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('the store is down for an hour under load: announced, kept by the server, and nothing is lost', async () => {
  await using folder = await temporaryFolder();
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now().add({ milliseconds: aheadMs }) };
  await using archived = await archivedServer(postgres, { clock });
  const { catalog, store } = archived;
  const means = recoveryOf(archived, join(folder.path, 'scratch'));
  const monitoring = { catalog, clock, log: silentLog, servers: [watched(archived)] };
  await using running = archived.start();
  await archived.untilStored(await writeLog(postgres));
  await backUp(archived, means);
  const before = await currentLsn(postgres);
  await archived.untilStored(before);
  await look(monitoring);
  expect(await archived.finding('ARCHIVING_BEHIND')).toBeUndefined();

  store.isAway = true;
  for (let i = 0; i < 6; i++) await writeLog(postgres);
  await waitUntil(async () => (await archived.finding('ARCHIVING_STORE_FAILING')) !== undefined);
  aheadMs = 3_600_000;
  await writeLog(postgres);
  await look(monitoring);
  const behind = await archived.finding('ARCHIVING_BEHIND');
  const wal = await archived.wal();
  const end = await currentLsn(postgres);
  const files = await logFiles(postgres, before);

  expect(behind).toMatchObject({ severity: 'page' });
  expect(behind?.summary).toMatch(/^The stored WAL of shop is 1 h( \d+ min)? behind/);
  expect(wal.stores[0]?.unreachable).toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  expect(wal.slot).toMatchObject({ walStatus: 'reserved' });
  expect(compareLsn(toLsn(wal.slot?.restartLsn ?? '0/0'), before)).not.toBe(1);
  expect(wal.slot?.keptBytes).toBeGreaterThan(10 * SEGMENT_BYTES);
  expect(wal.lagBytes).toBeGreaterThan(10 * SEGMENT_BYTES);
  expect(files.size).toBeGreaterThan(10);

  store.isAway = false;
  await archived.untilStored(end);
  await look(monitoring);
  expect(await archived.finding('ARCHIVING_BEHIND')).toBeUndefined();
  expect(await archived.finding('ARCHIVING_STORE_FAILING')).toBeUndefined();
  await running.stop();
  expect(await archived.differing(files, end)).toEqual([]);
  expect(await archived.inventory()).toMatchObject({ missing: [], runs: [{}] });
  const [production] = await postgres.query(ROWS);
  await postgres.kill();
  expect(await rowsOf(archived, means, end)).toEqual(production);
  expect(lsnBytes(end) - lsnBytes(before)).toBeGreaterThan(BigInt(10 * SEGMENT_BYTES));
});

function watched({ server }: ArchivedServer): MonitoringDeps['servers'][number] {
  const objectives = { rpoSeconds: 300, rtoSeconds: 1800, alarmHours: 26 };
  return { name: server.name, url: server.url, stores: [server.storeName], ...objectives };
}

/** Once, as the service does each minute. */
async function look(deps: MonitoringDeps): Promise<void> {
  const stopping = new AbortController();
  await probeService(deps).run({ signal: stopping.signal, ready: () => stopping.abort() });
}

function recoveryOf({ server, catalog, store }: ArchivedServer, scratch: string): RecoveryDeps {
  const { ring, url } = server;
  return {
    engine: streamingEngine({ connectionUrl: () => url, clock: systemClock, workers: 2 }),
    walArchive: walStore,
    ring,
    storesOf: () => [{ name: server.storeName, store }],
    servers: new Map([[server.name, { url }]]),
    catalog,
    findRun: async () => undefined,
    programsFor: async () => postgres.programs,
    connect,
    scratch: { path: scratch, keepSeconds: 7200, user: postgres.user },
    clock: systemClock,
    log: silentLog,
  };
}

async function backUp({ catalog, server }: ArchivedServer, means: RecoveryDeps): Promise<void> {
  const shop = { url: server.url, archiving: { tail_seconds: 1 } };
  const backup = backupOperation({ ...means, catalog, servers: { shop } });
  const { plan } = await backup.prepare({}, { actor: testRun().actor, signal });
  await backup.run(plan, testRun());
}

/** As a machine that has nothing but the store would see them. */
async function rowsOf(archived: ArchivedServer, means: RecoveryDeps, lsn: Lsn): Promise<unknown> {
  const { name, storeName, ring } = archived.server;
  const store = { name: storeName, store: archived.store };
  const access = { store: archived.store, ring, server: name, signal };
  const { backups } = await means.engine.listBackups(access);
  const [base] = backups;
  if (base === undefined) throw new Error('There is no backup');
  const path = followWal(base, await archived.inventory());
  if (path === undefined) throw new Error('There is no log');
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  const copy = await restoreToScratch(
    means,
    { server: name, store, base, path, target },
    testRun(),
  );
  try {
    await using session = await connect(copy.url, { signal });
    const [rows] = await session.query(ROWS);
    return rows;
  } finally {
    await copy.discard();
  }
}
