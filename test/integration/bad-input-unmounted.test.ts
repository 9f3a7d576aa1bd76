/** A store whose disk is not mounted: its folder is empty, and must not be taken for an empty store. */
import { access, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ask } from '../support/bad-input-shop.ts';
import { writeTestConfig } from '../support/command-line.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('is neither written to nor called empty, while one that was never used frightens nobody', async () => {
  await using postgres = await startPostgres();
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  const [store, disk] = [join(cwd, 'store'), join(cwd, 'disk')];
  await writeTestConfig(cwd, { url: postgres.url() });

  const first = await ask('backups', cwd);
  expect(first).toMatchObject({ exitCode: 0, json: { backups: [], unreachable: [] } });
  await expect(access(store)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await ask('backup shop', cwd)).toMatchObject({ exitCode: 0 });

  await rename(store, disk);
  await mkdir(store);
  const unmounted = await ask('backups', cwd);
  expect(unmounted.json).toMatchObject({ backups: [{ server: 'shop' }], unreachable: [{}] });
  expect(unmounted.stdout).toContain('its folder holds nothing, and should hold what was stored');
  const refused = await ask('backup shop', cwd);
  expect(refused.exitCode).toBe(4);
  expect(refused.told).toContain('STORAGE_UNREACHABLE');
  expect(refused.told).toContain('Mount its disk');
  expect(await readdir(store)).toEqual([]);

  await rmdir(store);
  await rename(disk, store);
  const mounted = await ask('backups', cwd);
  expect(mounted).toMatchObject({ exitCode: 0, json: { backups: [{}], unreachable: [] } });
});
