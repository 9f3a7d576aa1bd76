/** Every major that we look after: backup, continuous WAL, back to a moment, proof, with our own engine. */
import { readdir } from 'node:fs/promises';

import { describe, expect, test } from 'vitest';

import { readControlSettings } from '../../src/clusters/replay-settings.ts';
import { removeInstance } from '../../src/recovery/instances.ts';
import { restoreOperation } from '../../src/recovery/restore-operation.ts';
import { databaseContent } from '../support/database-content.ts';
import { readTree } from '../support/file-tree.ts';
import { MAJORS, programsOfMajor } from '../support/majors.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const ACTOR = testRun().actor;
const { signal } = new AbortController();

async function startMajor(major: number, programsDirectory: string): Promise<TestPostgres> {
  return await startPostgres({
    programsDirectory,
    settings: {
      allow_in_place_tablespaces: 'on',
      // More than PostgreSQL's own: a copy that is not told so would stop replaying.
      max_connections: '137',
      ...(major >= 17 ? { summarize_wal: 'on' } : {}),
    },
  });
}

/** Ordinary, unlogged and far tables: one tablespace elsewhere, one in its place. */
async function fill(server: TestPostgres): Promise<void> {
  const elsewhere = await server.makeFolder('elsewhere');
  await server.query(`CREATE TABLESPACE elsewhere LOCATION '${elsewhere}'`);
  await server.query("CREATE TABLESPACE in_place LOCATION ''");
  await server.query('CREATE TABLE orders (id bigserial PRIMARY KEY, address text)');
  await server.query('CREATE TABLE far (id int, note text) TABLESPACE elsewhere');
  await server.query('CREATE TABLE near (id int, note text) TABLESPACE in_place');
  await server.query('CREATE UNLOGGED TABLE scratchpad AS SELECT 1 AS id');
  await change(server, 2000);
}

async function change(server: TestPostgres, rows: number): Promise<void> {
  await server.query(
    `INSERT INTO orders (address) SELECT repeat(md5(i::text), 8) FROM generate_series(1, ${rows}) i;
     INSERT INTO far SELECT i, md5(i::text) FROM generate_series(1, ${rows}) i;
     INSERT INTO near SELECT i, md5(i::text) FROM generate_series(1, ${rows}) i`,
  );
}

async function removeInstances({ deps, scratchFolder }: ProofSetting): Promise<void> {
  for (const instance of await deps.recovery.catalog.instances.list())
    await removeInstance(deps.recovery, instance);
  expect(await readdir(scratchFolder)).toEqual([]);
}

describe.each(MAJORS)('PostgreSQL %i', (major) => {
  test('is backed up, brought back to a moment with the same rows, and proved', async (context) => {
    const programs = programsOfMajor(major);
    if (programs === undefined) {
      context.skip(`PostgreSQL ${major} is not installed`);
      return;
    }
    await using server = await startMajor(major, programs);
    expect(server.programs.major).toBe(major);
    expect(await readControlSettings(server.dataDirectory)).toMatchObject({ maxConnections: 137 });
    await fill(server);
    await using setting = await proofSetting(server);
    await setting.backUp();
    await change(server, 500);
    const late = await server.makeFolder('late');
    await server.query(`CREATE TABLESPACE late LOCATION '${late}'`);
    await server.query(
      'CREATE TABLE newest TABLESPACE late AS SELECT generate_series(1, 99) AS id',
    );
    await server.query('DELETE FROM scratchpad');
    const [row] = await server.query(
      `SELECT replace(clock_timestamp()::text, ' ', 'T') || ':00' AS at`,
    );
    const before = await databaseContent((sql) => server.query(sql));
    await server.query('DROP TABLE far; UPDATE orders SET address = NULL');
    await server.query('CHECKPOINT');
    await setting.archive();
    const ofProduction = await readTree(late);
    const restore = restoreOperation(setting.deps.recovery);

    const { plan } = await restore.prepare(
      { to: String(row?.['at']), tables: [] },
      { actor: ACTOR, signal },
    );
    const restored = await restore.run(plan, testRun());

    {
      await using copy = await setting.deps.recovery.connect(restored.instance.url, { signal });
      expect(await databaseContent((sql) => copy.query(sql))).toEqual(before);
    }
    await removeInstances(setting);
    expect(await readTree(late)).toEqual(ofProduction);
    const proof = await setting.verify();
    // Programs that npm brings come without `pg_checksums`.
    const others = proof.checks.filter(({ check }) => check !== 'Page checksums');
    expect(others.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
    expect(proof).toMatchObject({ verdict: 'PASS', mode: 'exact', tornDown: true });
  });
});
