/** The first store's region is lost: the second becomes the first, and what was first comes back as a copy. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { walStore } from '../../src/engines/streaming/wal-store.ts';
import type { WalInventory } from '../../src/engines/wal-archive.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
const SEGMENT_BYTES = 1 << 20;
let postgres: TestPostgres;
let setting: MirrorSetting;

beforeAll(async () => {
  // What is stored in both is compared at the end: nobody else may write log meanwhile.
  const settings = { autovacuum: 'off' };
  postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'], settings });
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

test('the log goes on in the other store without a hole, and comes back to the one that was away', async () => {
  const { here, west, catalog } = setting;
  const before = setting.start();
  await setting.untilStored('west', await setting.write());
  const old = await setting.backUp();
  await waitUntil(async () => (await catalog.backups.list('shop')).length === 2);
  // The copy is late for so long that people are told, and then the region is gone.
  west.isAway = true;
  await waitUntil(async () => (await setting.findings()).includes('MIRROR_FAILING'), 30_000);
  await setting.untilStored('here', await setting.write());
  here.isAway = true;
  west.isAway = false;
  await setting.write();
  await before.stop().catch(() => undefined);

  const swapped = setting.swapped();
  const after = swapped.start();
  await swapped.untilStored('west', await swapped.write());
  const taken = await swapped.backUp();
  await swapped.untilStored('west', await swapped.write());

  expect(await inventory(west)).toMatchObject({ missing: [], runs: [{}] });

  here.isAway = false;
  await swapped.untilStored('here', await swapped.write());
  await waitUntil(async () => (await catalog.backups.list('shop')).length === 4);
  await waitUntil(async () => (await swapped.findings()).length === 0, 60_000);
  await after.stop();

  expect(await inventory(here)).toMatchObject({ missing: [], runs: [{}] });
  expect(await swapped.keys(here, 'base')).toEqual(await swapped.keys(west, 'base'));
  expect(await swapped.keys(here, 'wal')).toEqual(await swapped.keys(west, 'wal'));
  const rows = await catalog.backups.list('shop');
  expect(new Set(rows.map(({ backupId }) => backupId))).toEqual(new Set([old, taken]));
});

test('what the new first store lacks and the server no longer keeps is told, until a backup is taken', async () => {
  const { here, west, catalog } = setting;
  const both = setting.start();
  await setting.untilStored('west', await setting.write());
  await setting.backUp();
  await both.stop();
  const row = await catalog.walProgress.find('shop', 'west');
  if (row === undefined) throw new Error('The copy has nothing');
  // As after days: the server has not waited for it. A copy of another log is not waited for, either.
  const late = { ...row, at: '2026-01-01T00:00:00.000000Z' };
  await catalog.walProgress.record({ ...late, systemId: '1' });
  const alone = setting.start('archiving');
  for (let i = 0; i < 3; i++) await setting.untilStored('here', await setting.write());
  await waitUntil(async () => {
    const [slot] = await postgres.query(
      'SELECT restart_lsn - $1::pg_lsn AS gone FROM pg_replication_slots',
      [row.storedLsn],
    );
    return Number(slot?.['gone']) > 2 * SEGMENT_BYTES;
  });
  await alone.stop();
  await catalog.walProgress.record(late);
  here.isAway = true;
  await postgres.query('CHECKPOINT');

  const swapped = setting.swapped();
  await using after = swapped.start();
  await swapped.untilStored('west', await swapped.write());

  expect((await inventory(west)).missing).not.toEqual([]);
  expect(await swapped.findings()).toContain('ARCHIVING_LOG_HOLE');
  await swapped.backUp();
  expect(await swapped.findings()).not.toContain('ARCHIVING_LOG_HOLE');
  await after.stop();
});

async function inventory(store: ObjectStore): Promise<WalInventory> {
  let [major, systemId] = ['', ''];
  for await (const { key } of store.list('shop/', { signal })) {
    const found = /^shop\/(\d+)-(\d+)\/wal\//.exec(key);
    if (found !== null) [, major = '', systemId = ''] = found;
  }
  const folder = { server: setting.archived.name, major: Number(major), systemId };
  const { ring } = setting.archived;
  return await walStore.inventory({ store, ring, folder, segmentBytes: SEGMENT_BYTES, signal });
}
