/** A second store: what the first has gets there by itself, and alone it is enough to restore from. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { compareLsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { connect } from '../../src/postgres/connect.ts';
import { readSlot } from '../../src/postgres/slots.ts';
import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
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
  await expect(running.stop()).rejects.toThrow('closed the connection');

  expect(tookMs).toBeLessThan(6000);
});

async function slotLsn(): Promise<ReturnType<typeof toLsn>> {
  await using session = await connect(postgres.url(), { signal });
  return (await readSlot(session, 'dbdr_shop'))?.restartLsn ?? toLsn('0/0');
}
