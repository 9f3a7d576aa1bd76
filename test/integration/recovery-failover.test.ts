/**
 * A failover between the backup and the moment that is wanted: the log changes its timeline on the way, and
 * what the old primary wrote after the standby had been left behind is on no path any more.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';
import { waitUntil } from '../support/wait-until.ts';

const NAME = testServerName('shop');
const { signal } = new AbortController();

async function insert(server: TestPostgres, note: string): Promise<Lsn> {
  await server.query(`INSERT INTO orders SELECT '${note}' FROM generate_series(1, 100)`);
  const [row] = await server.query('SELECT pg_current_wal_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

/** A standby's data, as of now. */
async function leaveBehind(server: TestPostgres, copy: string): Promise<void> {
  await server.stop();
  await runProgramWell('/bin/cp', ['-a', server.dataDirectory, copy], {
    signal,
    deadlineMs: 60_000,
    cwd: '/',
    environment: { LC_ALL: 'C' },
  });
  await server.start();
}

/** The primary is gone, and the standby takes its place and address. */
async function failOver(server: TestPostgres, standby: string): Promise<void> {
  await server.kill();
  await rm(server.dataDirectory, { recursive: true });
  await rename(standby, server.dataDirectory);
  await writeFile(join(server.dataDirectory, 'standby.signal'), '');
  await server.start();
  await server.query('SELECT pg_promote(true)');
  await waitUntil(async () => {
    const [row] = await server.query('SELECT pg_is_in_recovery() AS recovering');
    return row?.['recovering'] === false;
  });
}

test('a restore goes along the timeline of the standby, and holds nothing that only the old primary had', async () => {
  await using server = await startPostgres();
  await using setting = await proofSetting(server);
  await server.query('CREATE TABLE orders (note text)');
  await setting.backUp();
  const before = await insert(server, 'kept');
  await server.query('SELECT pg_switch_wal()');
  const standby = join(server.socketDirectory, 'standby');
  await leaveBehind(server, standby);
  await insert(server, 'lost');
  await server.query('SELECT pg_switch_wal()');
  await insert(server, 'lost');
  await setting.archive();
  await failOver(server, standby);
  await server.query('SELECT pg_switch_wal()');
  const after = await insert(server, 'new');
  await setting.archive();

  const { recovery } = setting.deps;
  const [shop] = recovery.storesOf(NAME);
  if (shop === undefined) throw new Error('There is a store');
  const means = { store: shop.store, ring: recovery.ring };
  const { backups } = await recovery.engine.listBackups({ ...means, server: NAME, signal });
  const [base] = backups;
  if (base === undefined) throw new Error('There is a backup');
  const { major, systemId, segmentBytes } = base;
  const folder = { server: NAME, major, systemId };
  const inventory = await walStore.inventory({ ...means, folder, segmentBytes, signal });
  const path = followWal(base, inventory);
  if (path === undefined) throw new Error('There is log');
  async function notesIn(copy: ScratchRestore): Promise<unknown> {
    await using session = await recovery.connect(copy.url, { signal });
    return await session.query(
      'SELECT note, count(*)::int AS rows FROM orders GROUP BY note ORDER BY note',
    );
  }
  const target = { kind: 'lsn', asked: before, lsn: before } as const;
  const kept = { note: 'kept', rows: 100 };
  const early = await restoreToScratch(
    recovery,
    { server: NAME, store: shop, base, path, target },
    testRun(),
  );
  try {
    const notesBefore = await notesIn(early);
    const late = await early.goOn(after, { signal });
    const notesAfter = await notesIn(late);

    expect(path.runs.map(({ timeline }) => timeline)).toEqual([1, 2]);
    expect(notesBefore).toEqual([kept]);
    expect(late).toMatchObject({ how: 'target', reached: { lsn: after } });
    expect(notesAfter).toEqual([kept, { note: 'new', rows: 100 }]);
  } finally {
    await early.discard();
  }
});
