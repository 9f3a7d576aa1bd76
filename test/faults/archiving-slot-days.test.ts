/** Bad days of the slot and the server behind it: what is lost, what is not, and who hears of it. */
import { execFile } from 'node:child_process';
import { cp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import {
  archivedServer,
  archiveFor,
  currentLsn,
  logFiles,
  nextSecond,
  writeLog,
} from '../support/archived-server.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { dropSlots, SEGMENT_BYTES, startSmallSegments } from '../support/small-segments.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startSmallSegments();
});

afterEach(async () => {
  await dropSlots(postgres);
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('max_slot_wal_keep_size exceeded: the slot is made anew, what is lost is told exactly, a backup repairs it', async () => {
  await using archived = await archivedServer(postgres);
  const { stored } = await archiveFor(postgres, archived, 1);
  await setting('max_slot_wal_keep_size', '3MB');
  for (let i = 0; i < 5; i++) await writeLog(postgres);
  await postgres.query('CHECKPOINT');
  await waitUntil(async () => (await slotStatus()) === 'lost');

  await using running = archived.start();
  await archived.untilStored(await writeLog(postgres));

  const kept = (await archived.inventory()).runs.at(-1)?.fromLsn ?? toLsn('0/0');
  const finding = await archived.finding('ARCHIVING_LOG_HOLE');
  expect(finding?.severity).toBe('page');
  expect(finding?.hint).toContain('`backup shop`');
  expect(finding?.summary).toMatch(
    new RegExp(
      `between 0/[0-9A-F]+ and ${kept} \\([\\d.]+ MB, written between .* UTC and .* UTC\\)`,
    ),
  );
  await archived.lookForHoles();
  expect(await archived.finding('ARCHIVING_LOG_HOLE')).toBeDefined();
  const wal = await archived.wal();
  expect(wal.bases).toMatchObject([{ reaches: 'hole' }]);
  expect(wal.holes).toHaveLength(1);
  expect(wal.holes[0]?.bytes).toBeGreaterThan(
    Number(lsnBytes(kept) - lsnBytes(stored)) - 2 * SEGMENT_BYTES,
  );
  expect(wal.slot).toMatchObject({ walStatus: 'reserved', active: true });
  // A slot that may keep so little holds less than a second of a quick server's log.
  expect(wal.slot?.headroomSeconds).toBeGreaterThanOrEqual(0);

  await nextSecond();
  await archived.recordBase(await currentLsn(postgres));
  await archived.untilStored(await writeLog(postgres));
  await archived.lookForHoles();
  expect(await archived.finding('ARCHIVING_LOG_HOLE')).toMatchObject({ severity: 'warn' });
  expect((await archived.wal()).bases).toMatchObject([{ reaches: 'hole' }, { reaches: 'all' }]);
  await running.stop();
  await setting('max_slot_wal_keep_size', '64MB');
});

test('slot dropped while the server still has its log: made anew, and nothing is lost', async () => {
  await using archived = await archivedServer(postgres);
  const { stored } = await archiveFor(postgres, archived, 1);
  await postgres.query("SELECT pg_drop_replication_slot('dbdr_shop')");
  for (let i = 0; i < 3; i++) await writeLog(postgres);
  // A new slot keeps the log from the last checkpoint on: what lies before is asked for.
  await setting('wal_keep_size', '64MB');
  await postgres.query('CHECKPOINT');
  const end = await writeLog(postgres);
  const files = await logFiles(postgres, stored);

  await using running = archived.start();
  await archived.untilStored(end);

  expect(await archived.inventory()).toMatchObject({ missing: [], runs: [{}] });
  expect(await archived.differing(files, end)).toEqual([]);
  await archived.lookForHoles();
  expect(await archived.catalog.findings.list('shop')).toEqual([]);
  await running.stop();
  await setting('wal_keep_size', '0');
});

test('failover to a standby with a new timeline: archiving follows through the same url, and nothing is missing', async () => {
  await using place = await temporaryFolder();
  await using primary = await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: KEEPING,
  });
  await using standby = await standbyOf(primary);
  const link = join(place.path, 's');
  await symlink(primary.socketDirectory, link);
  const url = `postgres://postgres@/postgres?host=${encodeURIComponent(link)}&port=${primary.port}`;
  await using archived = await archivedServer(primary, { url });
  await using running = archived.start();
  await archived.untilStored(await writeLog(primary));
  await archived.recordBase(await currentLsn(primary));
  const last = await writeLog(primary);
  await waitUntil(async () => {
    const [row] = await standby.query('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS ok', [
      last,
    ]);
    return row?.['ok'] === true;
  });
  await primary.kill();
  await standby.query('SELECT pg_promote(true)');
  await writeLog(standby);
  // Its slot will begin behind the point where the timelines part.
  await standby.query('CHECKPOINT');
  await writeLog(standby);

  await rm(link);
  await symlink(standby.socketDirectory, link);
  const end = await writeLog(standby);
  await archived.untilStored(end);

  const found = await archived.inventory();
  expect(found).toMatchObject({ missing: [], histories: ['00000002.history'] });
  expect(found.runs.map(({ timeline }) => timeline)).toEqual([1, 2]);
  const files = [...(await logFiles(standby, toLsn('0/0')))].filter(([name]) => name > '00000002');
  expect(await archived.differing(new Map(files), end)).toEqual([]);
  await archived.lookForHoles();
  expect(await archived.catalog.findings.list('shop')).toEqual([]);
  expect((await archived.wal()).bases).toMatchObject([{ timeline: 1, reaches: 'all' }]);
  await running.stop();
});

test('the server dies between two tails: what it had sent is stored all the same', async () => {
  await using primary = await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: KEEPING,
  });
  await using archived = await archivedServer(primary, { tailSeconds: 3600 });
  await using running = archived.start();
  const end = await writeLog(primary, 300);
  await waitUntil(async () => {
    const [row] = await primary.query(
      'SELECT write_lsn >= $1::pg_lsn AS ok FROM pg_stat_replication',
      [end],
    );
    return row?.['ok'] === true;
  });

  await primary.kill();

  await archived.untilStored(end);
  await running.stop();
  expect(await archived.inventory()).toMatchObject({ missing: [], runs: [{}] });
});

test('another cluster under the same url: its log is kept apart, and people hear that it has no backup', async () => {
  await using archived = await archivedServer(postgres);
  await archiveFor(postgres, archived, 1);
  const row = await archived.catalog.walProgress.find('shop', 'here');
  if (row === undefined) throw new Error('Nothing is stored');
  await archived.catalog.walProgress.record({ ...row, systemId: '7000000000000000000' });

  await using running = archived.start();
  await archived.untilStored(await writeLog(postgres));

  expect(await archived.finding('ARCHIVING_OTHER_CLUSTER')).toMatchObject({ severity: 'page' });
  await archived.lookForHoles();
  expect(await archived.finding('ARCHIVING_OTHER_CLUSTER')).toBeUndefined();
  await running.stop();
});

const KEEPING = { wal_keep_size: '64MB', max_slot_wal_keep_size: '64MB' };

async function standbyOf(primary: TestPostgres): Promise<TestPostgres> {
  await primary.stop();
  const data = join(primary.socketDirectory, 'standby');
  await cp(primary.dataDirectory, data, { recursive: true, preserveTimestamps: true });
  const { user } = primary;
  if (user !== undefined)
    await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, data]);
  await writeFile(join(data, 'standby.signal'), '');
  await primary.start();
  await writeFile(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${primary.socketDirectory} port=${primary.port} user=postgres'\n`,
  );
  return await startPostgres({ dataDirectory: data, settings: KEEPING });
}

async function slotStatus(): Promise<unknown> {
  const [row] = await postgres.query('SELECT wal_status FROM pg_replication_slots');
  return row?.['wal_status'];
}

async function setting(name: string, value: string): Promise<void> {
  await postgres.query(`ALTER SYSTEM SET ${name} = '${value}'`);
  await postgres.query('SELECT pg_reload_conf()');
  await waitUntil(async () => {
    const [row] = await postgres.query(`SELECT current_setting('${name}') AS value`);
    return row?.['value'] === value;
  });
}
