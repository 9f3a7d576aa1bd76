/** The second store as a bucket of a real S3 server: the copies get there, and prove the server alone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { needs, peerLacks, startVersitygw, type Versitygw } from '../support/peers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { makeBucket, peerSettings, peerStore } from '../support/s3-peers.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`a mirror${needs('versitygw')}`, () => {
  let postgres: TestPostgres;
  let server: Versitygw;
  let setting: MirrorSetting;

  beforeAll(async () => {
    server = await startVersitygw();
    await makeBucket(server, { name: 'west' });
    postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
    await postgres.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
    await postgres.query('SELECT pg_reload_conf()');
    await postgres.query('CREATE TABLE load (i int, text text)');
    const west = peerStore(peerSettings(server, { bucket: 'west', prefix: 'shop' }));
    setting = await mirrorSetting(postgres, { west });
  });

  afterAll(async () => {
    await setting[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('keeps a bucket level with a folder, and every byte of the backup there is good', async () => {
    await using running = setting.start();
    await setting.untilStored('west', await setting.write());
    await setting.backUp();
    await waitUntil(async () => (await setting.catalog.backups.list('shop')).length === 2, 60_000);
    await setting.untilStored('west', await setting.write());
    await running.stop();

    const { here, west, backup, route } = setting;
    expect(await setting.keys(west, 'base')).toEqual(await setting.keys(here, 'base'));
    expect(await setting.keys(west, 'wal')).toEqual(await setting.keys(here, 'wal'));
    expect(await setting.findings()).toEqual([]);
    const access = { store: west, ring: backup.ring, signal };
    const { backups } = await backup.engine.listBackups({ ...access, server: route.server });
    const [summary] = backups;
    if (summary === undefined) throw new Error('There is a backup');
    const check = await backup.engine.checkObjects({ ...access, summary, depth: 'all' });
    expect(check).toMatchObject({ damage: [], packs: summary.packs });
  });
});
