/** A second store: what the first has gets there by itself, and alone it is enough to restore from. */
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { archiveUntil } from '../../src/archiving/wait-for-wal.ts';
import { compareLsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { mirrorUntil } from '../../src/mirroring/mirror-until.ts';
import { connect } from '../../src/postgres/connect.ts';
import { readSlot } from '../../src/postgres/slots.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { testRun } from '../support/test-run.ts';
import { verificationSection } from '../support/verification-section.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;
let setting: MirrorSetting;

beforeAll(async () => {
  postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
  await postgres.query('SELECT pg_reload_conf()');
  await postgres.query('CREATE TABLE load (i int, text text)');
});

beforeEach(async () => {
  setting = await mirrorSetting(postgres);
});

afterEach(async () => {
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await setting[Symbol.asyncDispose]();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('what the receiver stores is in the other store soon after, and so is a backup', async () => {
  await using running = setting.start();
  const lsn = await setting.write();
  await setting.untilStored('here', lsn);
  const storedMs = performance.now();
  await setting.untilStored('west', lsn);
  expect(performance.now() - storedMs).toBeLessThan(5000);

  const backupId = await setting.backUp();
  await waitUntil(async () => (await setting.catalog.backups.list('shop')).length === 2);
  await setting.untilStored('west', await setting.write());
  await running.stop();

  const { here, west } = setting;
  expect(await setting.keys(west, 'base')).toEqual(await setting.keys(here, 'base'));
  expect(await setting.keys(west, 'wal')).toEqual(await setting.keys(here, 'wal'));
  const rows = await setting.catalog.backups.list('shop');
  expect(rows.map(({ store }) => store)).toEqual(['here', 'west']);
  expect(new Set(rows.map((row) => row.backupId))).toEqual(new Set([backupId]));
  expect(await setting.findings()).toEqual([]);
});

test('a store that is away is told of, holds up nothing but the slot, and is caught up with', async () => {
  await using running = setting.start();
  const before = await setting.write();
  await setting.untilStored('west', before);
  setting.west.isAway = true;

  const backupId = await setting.backUp();
  const during = await setting.write();
  await setting.untilStored('here', during);
  await waitUntil(async () => (await setting.findings()).includes('MIRROR_FAILING'));
  const held = await slotLsn();
  const reached = (await setting.catalog.walProgress.find('shop', 'west'))?.storedLsn ?? '0/0';
  expect(compareLsn(held, toLsn(reached))).not.toBe(1);
  expect(compareLsn(toLsn(reached), during)).toBe(-1);

  setting.west.isAway = false;
  await setting.untilStored('west', during);
  await waitUntil(async () => (await setting.findings()).length === 0, 60_000);
  await waitUntil(async () => lsnBytes(await slotLsn()) >= lsnBytes(during));
  await running.stop();

  const rows = await setting.catalog.backups.list('shop');
  expect(rows.map((row) => [row.backupId, row.store])).toEqual([
    [backupId, 'here'],
    [backupId, 'west'],
  ]);
  const { here, west } = setting;
  expect(await setting.keys(west, 'base')).toEqual(await setting.keys(here, 'base'));
  expect(await setting.keys(west, 'wal')).toEqual(await setting.keys(here, 'wal'));
});

test('a server whose slot waits for another store shuts down all the same', async () => {
  await using running = setting.start();
  const before = await setting.write();
  await waitUntil(async () => compareLsn(await slotLsn(), before) >= 0);
  setting.west.isAway = true;
  await setting.untilStored('here', await setting.write());

  const beganMs = performance.now();
  await postgres.stop();
  const tookMs = performance.now() - beganMs;
  await postgres.start();
  await expect(running.stop()).rejects.toMatchObject({
    kind: { code: 'POSTGRES_CONNECTION_LOST' },
  });

  expect(tookMs).toBeLessThan(6000);
});

test('when the first store is away the server keeps its log, and nothing goes past it to another', async () => {
  const { here, west, catalog } = setting;
  const first = setting.start();
  const before = await setting.write();
  await setting.untilStored('west', before);
  here.isAway = true;
  const during = await setting.write();

  await expect(first.ended).rejects.toMatchObject({ kind: { code: 'STORAGE_UNREACHABLE' } });
  await first.stop().catch(() => undefined);

  expect(await setting.findings()).toContain('ARCHIVING_STORE_FAILING');
  expect(compareLsn(await slotLsn(), during)).toBe(-1);
  const there = (await catalog.walProgress.find('shop', 'west'))?.storedLsn ?? '0/0';
  expect(compareLsn(toLsn(there), during)).toBe(-1);

  here.isAway = false;
  await using second = setting.start();
  await setting.untilStored('west', during);
  await waitUntil(async () => (await setting.findings()).length === 0);
  await second.stop();
  expect(await setting.keys(west, 'wal')).toEqual(await setting.keys(here, 'wal'));
});

test('the second store alone proves the server, also where no bot runs meanwhile', async () => {
  const running = setting.start();
  await setting.untilStored('here', await setting.write());
  await setting.backUp();
  await waitUntil(async () => (await setting.catalog.backups.list('shop')).length === 2);
  await running.stop();
  await setting.write();

  const result = await verifyFrom(setting, setting.route.target);

  expect(result.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
  expect(result).toMatchObject({ verdict: 'PASS', tornDown: true });
  expect(result.tables.find(({ table }) => table === 'load')).toMatchObject({ equal: true });
  // The log went through the first store: nothing that the second has is missing there.
  const here = await setting.keys(setting.here, 'wal');
  expect(await setting.keys(setting.west, 'wal')).toEqual(here);
});

/** As `verify --store` does it: everything is read from that one store. */
async function verifyFrom(
  { archived, backup, catalog, folder, mirroring, route }: MirrorSetting,
  store: MirrorSetting['route']['target'],
): Promise<VerifyResult> {
  const { clock, log } = mirroring;
  const url = archived.url;
  const verify = verifyOperation({
    catalog,
    servers: {
      shop: {
        url,
        databases: ['postgres'],
        verification: verificationSection(),
      },
    },
    untilStored: async ({ lsn, holder, signal: stop }) => {
      const waiting = { lsn, holder, signal: stop };
      await archiveUntil({ ...waiting, server: archived, deps: { ...backup, log } });
      await mirrorUntil({ ...waiting, route, deps: mirroring });
    },
    recovery: {
      ...backup,
      log,
      clock,
      catalog,
      storesOf: () => [store],
      servers: new Map([[archived.name, { url }]]),
      findRun: async (runId) => catalog.runs.find(runId),
      programsFor: async () => postgres.programs,
      connect,
      scratch: { path: join(folder, 'scratch'), keepSeconds: 7200, user: postgres.user },
    },
  });
  const run = testRun();
  const { plan } = await verify.prepare({ older: false }, { actor: run.actor, signal });
  return await verify.run(plan, run);
}

async function slotLsn(): Promise<ReturnType<typeof toLsn>> {
  await using session = await connect(postgres.url(), { signal });
  return (await readSlot(session, 'dbdr_shop'))?.restartLsn ?? toLsn('0/0');
}
