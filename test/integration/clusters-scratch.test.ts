/** Tests of scratch clusters: a real copy of a real server, started where it can harm nobody. */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { makeScratchFolders } from '../../src/clusters/folders.ts';
import { placeJson, planScratchPlace, type ScratchPlace } from '../../src/clusters/place.ts';
import { isAlive } from '../../src/clusters/processes.ts';
import { readControlSettings, settingsFromText } from '../../src/clusters/replay-settings.ts';
import { type ScratchCluster, startScratchCluster } from '../../src/clusters/scratch-cluster.ts';
import { destroyScratch, scratchClusterSweeper } from '../../src/clusters/teardown.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let server: TestPostgres;
const signal = new AbortController().signal;

beforeAll(async () => {
  server = await startPostgres({
    settings: { max_connections: '37', max_locks_per_transaction: '80' },
  });
  await server.query('CREATE TABLE kept AS SELECT g AS id FROM generate_series(1, 1000) g');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** What a careless copy would bring along. */
const DANGEROUS = `
archive_mode = 'on'
archive_command = 'touch /tmp/dbdr-test-archived'
shared_preload_libraries = 'no_such_library'
synchronous_standby_names = '*'
listen_addresses = '*'
`;

async function copyServer(place: ScratchPlace): Promise<void> {
  await runProgramWell(
    server.programs.path('pg_basebackup') ?? '',
    ['-D', place.dataDirectory, '-c', 'fast', '-X', 'stream', '-d', server.url()],
    { signal, deadlineMs: 60_000, cwd: '/', environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } },
  );
  await appendFile(join(place.dataDirectory, 'postgresql.auto.conf'), DANGEROUS);
}

async function start(place: ScratchPlace): Promise<ScratchCluster> {
  return startScratchCluster({
    place,
    programs: server.programs,
    user: server.user,
    settings: settingsFromText({ max_connections: '37', max_locks_per_transaction: '80' }),
    recovery: {},
    mode: 'open',
    durable: false,
    clock: systemClock,
  });
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

test('a scratch cluster opens a copy whose own settings would have touched the world', async () => {
  await using root = await temporaryFolder();
  const place = planScratchPlace({ root: root.path, name: 'r-open' });
  await makeScratchFolders(place, server.user);
  await copyServer(place);

  const cluster = await start(place);
  await cluster.waitReady({ signal });

  const url = cluster.url('postgres', 'postgres');
  expect(await ask(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
  const settings = await ask(
    url,
    `SELECT name, setting FROM pg_settings WHERE name IN ('archive_mode', 'listen_addresses',
       'max_logical_replication_workers', 'shared_preload_libraries', 'synchronous_standby_names')
     ORDER BY name`,
  );
  expect(settings.map((row) => row['setting'])).toEqual(['off', '', '0', '', '']);
  await cluster.destroy();
  expect(await readdir(root.path)).toEqual([]);
  expect(isAlive(cluster.pid)).toBe(false);
});

test('a copy leaves the subscriptions of production alone', async () => {
  await server.query(
    `CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false)`,
  );
  await server.query('ALTER SUBSCRIPTION s ENABLE');
  await using root = await temporaryFolder();
  const place = planScratchPlace({ root: root.path, name: 'r-subscribed' });
  await makeScratchFolders(place, server.user);
  await copyServer(place);

  const cluster = await start(place);
  await cluster.waitReady({ signal });

  const rows = await ask(
    cluster.url('postgres', 'postgres'),
    `SELECT (SELECT subenabled FROM pg_subscription) AS enabled,
            (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type LIKE 'logical%') AS workers`,
  );
  expect(rows).toEqual([{ enabled: true, workers: 0 }]);
  await cluster.destroy();
  await server.query('ALTER SUBSCRIPTION s DISABLE');
  await server.query('ALTER SUBSCRIPTION s SET (slot_name = NONE)');
  await server.query('DROP SUBSCRIPTION s');
});

test('the sweeper takes back a running cluster it did not start, and may do so twice', async () => {
  await using root = await temporaryFolder();
  const place = planScratchPlace({ root: root.path, name: 'r-sweep' });
  await makeScratchFolders(place, server.user);
  await copyServer(place);
  const cluster = await start(place);
  await cluster.waitReady({ signal });

  await scratchClusterSweeper.sweep(placeJson(place), { signal, log: silentLog });
  await scratchClusterSweeper.sweep(placeJson(place), { signal, log: silentLog });

  expect(cluster.isRunning()).toBe(false);
  expect(await readdir(root.path)).toEqual([]);
});

test('the sweeper leaves a folder alone that was named but never taken', async () => {
  await using root = await temporaryFolder();
  const into = join(root.path, 'mine');
  const place = planScratchPlace({ root: join(root.path, 'scratch'), name: 'r-never', into });
  await mkdir(into);
  await writeFile(join(into, 'letter'), 'dear');

  await expect(makeScratchFolders(place, server.user)).rejects.toMatchObject({
    kind: { code: 'CLUSTER_PLACE_TAKEN' },
  });
  await scratchClusterSweeper.sweep(placeJson(place), { signal, log: silentLog });

  expect(existsSync(join(into, 'letter'))).toBe(true);
});

test('a data directory elsewhere is removed with the cluster', async () => {
  await using root = await temporaryFolder();
  const into = join(root.path, 'restored', 'deep');
  const place = planScratchPlace({ root: join(root.path, 'scratch'), name: 'r-into', into });
  await makeScratchFolders(place, server.user);
  await copyServer(place);
  const cluster = await start(place);
  await cluster.waitReady({ signal });

  await cluster.destroy();

  expect(existsSync(into)).toBe(false);
  expect(existsSync(place.folder)).toBe(false);
});

test('a copy that cannot start says what PostgreSQL said', async () => {
  await using root = await temporaryFolder();
  const place = planScratchPlace({ root: root.path, name: 'r-broken' });
  await makeScratchFolders(place, server.user);
  await mkdir(place.dataDirectory);

  const cluster = await start(place);

  await expect(cluster.waitReady({ signal })).rejects.toThrow('is not a valid data directory');
  await cluster.destroy();
});

test('the control file says what replay needs', async () => {
  expect(await readControlSettings(server.dataDirectory)).toEqual({
    maxConnections: 37,
    maxWorkerProcesses: 8,
    maxWalSenders: 10,
    maxPreparedTransactions: 0,
    maxLocksPerTransaction: 80,
  });
});

test('taking back a refused place leaves the living server alone whose folder it named', async () => {
  await using root = await temporaryFolder();
  const into = server.dataDirectory;
  const place = planScratchPlace({ root: join(root.path, 'scratch'), name: 'r-living', into });
  await expect(makeScratchFolders(place, server.user)).rejects.toMatchObject({
    kind: { code: 'CLUSTER_PLACE_TAKEN' },
  });

  await destroyScratch(place);

  expect(await server.query('SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
});
