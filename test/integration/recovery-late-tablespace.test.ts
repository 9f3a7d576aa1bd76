/**
 * A tablespace that was made after the backup: the log says where production has it, and a copy on the
 * same machine must never write there.
 */
import { readdir } from 'node:fs/promises';

import { expect, test } from 'vitest';

import { removeInstance } from '../../src/recovery/instances.ts';
import { restoreOperation } from '../../src/recovery/restore-operation.ts';
import { readTree } from '../support/file-tree.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();

test('a tablespace made since the backup is replayed inside the copy, never where production has it', async () => {
  await using server = await startPostgres();
  await using setting = await proofSetting(server);
  await setting.backUp();
  const place = await server.makeFolder('a-place-of-production');
  await server.query(`CREATE TABLESPACE late LOCATION '${place}'`);
  await server.query('CREATE TABLE orders TABLESPACE late AS SELECT generate_series(1, 900) AS id');
  const [row] = await server.query(
    `SELECT replace(clock_timestamp()::text, ' ', 'T') || ':00' AS at`,
  );
  await server.query('DELETE FROM orders WHERE id > 300');
  await server.query('VACUUM FULL orders');
  await server.query('CHECKPOINT');
  await setting.archive();
  const before = await readTree(place);
  const { recovery } = setting.deps;
  const restore = restoreOperation(recovery);
  const { actor } = testRun();

  const { plan } = await restore.prepare(
    { to: String(row?.['at']), tables: [] },
    { actor, signal },
  );
  const { instance } = await restore.run(plan, testRun());

  await using copy = await recovery.connect(instance.url, { signal });
  expect(await copy.query('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 900 }]);
  const [where] = await copy.query<{ place: string }>(
    `SELECT pg_tablespace_location(oid) AS place FROM pg_tablespace WHERE spcname = 'late'`,
  );
  expect(where?.place).toMatch(/^pg_tblspc\//);
  expect(await readTree(place)).toEqual(before);
  for (const record of await setting.catalog.instances.list())
    await removeInstance(recovery, record);
  expect(await readdir(setting.scratchFolder)).toEqual([]);
  expect(await readTree(place)).toEqual(before);
  expect((await setting.verify()).verdict).toBe('PASS');
  expect(await readTree(place)).toEqual(before);
});
