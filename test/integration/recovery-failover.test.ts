/**
 * A failover between the backup and the moment that is wanted: the log changes its timeline on the way, and
 * what the old primary wrote after the standby had been left behind is on no path any more.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import { takeProofPoint } from '../../src/verification/proof-point.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
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

test('a backup whose proof point a failover left behind is proved by it, on its own timeline', async () => {
  await using server = await startPostgres();
  await using setting = await proofSetting(server, {
    verification: { hash: 'all', proof_point_seconds: 60 },
  });
  await server.query('CREATE TABLE orders (note text)');
  const standby = join(server.socketDirectory, 'standby');
  await backUpWithPoint(setting, server, async () => {
    await leaveBehind(server, standby);
    await insert(server, 'lost');
  });
  await failOver(server, standby);
  // Over the positions of the backup, where this timeline has other contents.
  for (let switches = 0; switches < 4; switches += 1) {
    await insert(server, 'new');
    await server.query('SELECT pg_switch_wal()');
  }
  await setting.archive();

  const verify = verifyOperation(setting.deps);
  const { plan } = await verify.prepare({ older: false }, { actor: testRun().actor, signal });
  const result = await verify.run({ ...plan, isNewest: false }, testRun());

  expect(result.checks.filter(({ verdict }) => !['PASS', 'SKIPPED'].includes(verdict))).toEqual([]);
  expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact', isProofPoint: true });
  expect(result.tables.find(({ table }) => table === 'orders')).toMatchObject({
    restoredRows: 100,
    equal: true,
  });
});

async function backUpWithPoint(
  { deps, catalog }: ProofSetting,
  server: TestPostgres,
  beforePoint: () => Promise<void>,
): Promise<void> {
  const shop = { ...deps.servers['shop'], url: server.url(), archiving: { tail_seconds: 1 } };
  const operation = backupOperation({
    ...deps.recovery,
    catalog,
    servers: { shop },
    async takeProofPoint(request) {
      await beforePoint();
      return takeProofPoint(deps, request);
    },
  });
  const { plan } = await operation.prepare({}, { actor: testRun().actor, signal });
  await operation.run(plan, testRun());
}
