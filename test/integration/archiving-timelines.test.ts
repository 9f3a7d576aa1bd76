/**
 * Production itself goes back to an earlier moment and continues on a new timeline, before the newest backup:
 * no hole is told where none is, what was given up stays within reach, and what is missing is out of reach in
 * every plan.
 */
import { execFile } from 'node:child_process';
import { cp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { readBase } from '../../src/archiving/coverage.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { compareLsn, isLsn, type Lsn, lsnBytes, lsnFromBytes } from '../../src/kernel/lsn.ts';
import { type BaseChoice, chooseBase } from '../../src/recovery/choose-base.ts';
import type { Target } from '../../src/recovery/target.ts';
import {
  type ArchivedServer,
  archivedServer,
  archiveFor,
  currentLsn,
  loseSegment,
  nextSecond,
  writeLog,
} from '../support/archived-server.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { sampleBackup } from '../support/sample-backup.ts';
import { waitUntil } from '../support/wait-until.ts';

async function startShop(): Promise<TestPostgres> {
  return await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: { wal_keep_size: '64MB', max_slot_wal_keep_size: '64MB' },
  });
}

test('moments behind a hole are refused in every plan, and those behind the next backup are not', async () => {
  await using postgres = await startShop();
  await using archived = await archivedServer(postgres);
  const { stored } = await archiveFor(postgres, archived, 3);
  const { first, name } = await loseSegment(archived, stored);
  await nextSecond();
  await using running = archived.start();
  const repaired = await writeLog(postgres);
  await archived.untilStored(repaired);
  await archived.recordBase(repaired);
  const end = await writeLog(postgres);
  await archived.untilStored(end);
  await running.stop();

  expect(await planned(archived, lsnTarget(first))).toMatchObject({ outcome: 'found' });
  for (const lsn of [lsnFromBytes(lsnBytes(first) + 1n), stored])
    expect(await planned(archived, lsnTarget(lsn))).toMatchObject({
      outcome: 'hole',
      missing: [name],
    });
  expect(await planned(archived, lsnTarget(end))).toMatchObject({ outcome: 'found' });
  expect(await planned(archived, { kind: 'latest', asked: 'latest' })).toMatchObject({
    outcome: 'found',
    base: { beginLsn: repaired },
  });
});

test('production goes back to before its newest backup: no hole is told, and what was given up is still there', async () => {
  await using postgres = await startShop();
  await using archived = await archivedServer(postgres);
  await using running = archived.start();
  await archived.untilStored(await writeLog(postgres));
  await archived.recordBase(await currentLsn(postgres));
  const kept = await writeLog(postgres);
  await archived.untilStored(kept);
  const copy = join(postgres.socketDirectory, 'earlier');
  await keepCopy(postgres, copy);
  await writeLog(postgres);
  await nextSecond();
  const behind = await currentLsn(postgres);
  await archived.recordBase(behind);
  const given = await writeLog(postgres);
  await archived.untilStored(given);

  await goBack(postgres, copy);
  const end = await writeLog(postgres, 1000);
  await waitUntil(async () => {
    const row = await archived.catalog.walProgress.find('shop', 'here');
    return row?.timeline === 2 && isLsn(row.storedLsn) && compareLsn(row.storedLsn, end) >= 0;
  }, 30_000);
  await archived.lookForHoles();

  expect(compareLsn(end, behind)).toBe(-1);
  expect(await archived.catalog.findings.list('shop')).toEqual([]);
  const wal = await archived.wal();
  expect(wal.holes).toEqual([]);
  expect(wal.bases).toMatchObject([
    { timeline: 1, reaches: 'all', to: wal.storedLsn },
    { timeline: 1, from: behind, reaches: 'left' },
  ]);
  expect(archived.walExitCode(wal)).toBe(0);
  expect(await planned(archived, lsnTarget(given))).toMatchObject({
    outcome: 'found',
    base: { beginLsn: behind },
    path: { timeline: 1 },
  });
  expect(await planned(archived, lsnTarget(end))).toMatchObject({
    outcome: 'found',
    path: { timeline: 2 },
  });
  await running.stop();
});

function lsnTarget(lsn: Lsn): Target {
  return { kind: 'lsn', asked: lsn, lsn };
}

async function planned(archived: ArchivedServer, target: Target): Promise<BaseChoice> {
  const rows = await archived.catalog.backups.list('shop');
  const backups = rows.flatMap(({ summary }): readonly BackupSummary[] => {
    const base = readBase(summary);
    return base === undefined ? [] : [sampleBackup(base.endedAt, withoutId(base))];
  });
  const inventory = await archived.inventory();
  const inventories = new Map(backups.map(({ systemId }) => [systemId, inventory]));
  return chooseBase({ backups, inventories, progress: undefined }, target);
}

function withoutId(base: NonNullable<ReturnType<typeof readBase>>): Partial<BackupSummary> {
  const { systemId, major, timeline, segmentBytes, beginLsn, endLsn } = base;
  return { systemId, major, timeline, segmentBytes, beginLsn, endLsn };
}

/** The data as of now, without slots: a base backup has none either. */
async function keepCopy(postgres: TestPostgres, copy: string): Promise<void> {
  await postgres.stop();
  await cp(postgres.dataDirectory, copy, { recursive: true, preserveTimestamps: true });
  await postgres.start();
  const slots = join(copy, 'pg_replslot');
  for (const name of await readdir(slots)) await rm(join(slots, name), { recursive: true });
  await writeFile(join(copy, 'standby.signal'), '');
  const { user } = postgres;
  if (user !== undefined)
    await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, copy]);
}

async function goBack(postgres: TestPostgres, copy: string): Promise<void> {
  await postgres.kill();
  await rm(postgres.dataDirectory, { recursive: true });
  await rename(copy, postgres.dataDirectory);
  await postgres.start();
  await postgres.query('SELECT pg_promote(true)');
  await waitUntil(async () => {
    const [row] = await postgres.query('SELECT pg_is_in_recovery() AS recovering');
    return row?.['recovering'] === false;
  });
}
