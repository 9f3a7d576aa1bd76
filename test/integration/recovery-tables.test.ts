/** Tests of the bad afternoon: a column is dropped, and its table comes back beside the living one. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { AskContext } from '../../src/gate/operation.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { reapInstances } from '../../src/recovery/instances.ts';
import { instancesOperation } from '../../src/recovery/instances-operation.ts';
import { TABLES_NO_RIGHT } from '../../src/recovery/problems.ts';
import { type RestoreResult, restoreOperation } from '../../src/recovery/restore-operation.ts';
import {
  restoredSchemaSweeper,
  restoreTablesOperation,
  type TablesResult,
} from '../../src/recovery/tables-operation.ts';
import {
  type FolderArchive,
  openFolderArchive,
  testServerName,
} from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TestRecovery, testRecovery } from '../support/recovery-deps.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const NAME = testServerName('shop');

let server: TestPostgres;
let folder: TemporaryFolder;
let archive: FolderArchive;
let deps: TestRecovery;
/** Before everything that went wrong. */
let before: string;
let lost: string;
let restored: RestoreResult;

beforeAll(async () => {
  server = await startPostgres();
  folder = await temporaryFolder();
  archive = await openFolderArchive(server, folder.path, NAME);
  deps = testRecovery(server, archive, { name: NAME, scratch: join(folder.path, 'scratch') });
  await server.query(
    `CREATE TABLE orders (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total numeric(10,2) NOT NULL,
       "shipping Address" text, half numeric GENERATED ALWAYS AS (total / 2) STORED);
     CREATE TABLE users (id int PRIMARY KEY, email text);
     CREATE TABLE gone (id int PRIMARY KEY, note text);
     CREATE TABLE keyless (a int, b text);
     INSERT INTO orders (total, "shipping Address")
       SELECT g, 'Street ' || g FROM generate_series(1, 5000) g;
     INSERT INTO users SELECT g, 'u' || g FROM generate_series(1, 100) g;
     INSERT INTO gone SELECT g, 'n' || g FROM generate_series(1, 10) g;
     INSERT INTO keyless SELECT g, E'tab\\tand \\\\ backslash' FROM generate_series(1, 10) g`,
  );
  await archive.backup();
  await server.query(`UPDATE orders SET "shipping Address" = 'Lane ' || id WHERE id % 7 = 0`);
  lost = await addresses();
  before = await clock();
  await server.query(
    `ALTER TABLE orders DROP COLUMN "shipping Address"; DROP TABLE gone;
     DELETE FROM users WHERE id <= 30; INSERT INTO orders (total) VALUES (1), (2)`,
  );
  await archive.caughtUp();
  restored = await restore(['orders', 'users', 'gone', 'keyless']);
});

afterAll(async () => {
  await reapInstances(deps, Temporal.Instant.from('9999-01-01T00:00:00Z'));
  await archive[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function addresses(): Promise<string> {
  const [row] = await server.query(
    `SELECT count("shipping Address") || md5(string_agg("shipping Address", ',' ORDER BY id)) AS hash
     FROM orders WHERE id <= 5000`,
  );
  return String(row?.['hash']);
}

async function clock(): Promise<string> {
  const [row] = await server.query(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
  );
  return String(row?.['at']);
}

function asking(): AskContext {
  const { actor, signal } = testRun();
  return { actor, signal };
}

async function restore(tables: readonly string[]): Promise<RestoreResult> {
  const operation = restoreOperation(deps);
  const input = operation.input.parse({ server: 'shop', to: before, tables });
  const { plan } = await operation.prepare(input, asking());
  const run = testRun();
  await operation.recheck(plan, { signal: run.signal });
  return operation.run(plan, run);
}

async function bringBack(tables: readonly string[]): Promise<TablesResult> {
  const operation = restoreTablesOperation(deps);
  const input = operation.input.parse({ server: 'shop', from: restored.runId, tables });
  const { plan } = await operation.prepare(input, asking());
  const run = testRun();
  await operation.recheck(plan, { signal: run.signal });
  return operation.run(plan, run);
}

test('restore counts the tables that were asked for and hands over an instance', async () => {
  expect(restored.tables).toEqual([
    { table: 'orders', rows: 5000 },
    { table: 'users', rows: 100 },
    { table: 'gone', rows: 10 },
    { table: 'keyless', rows: 10 },
  ]);
  expect(restored.reachedHow).toBe('target');
  const list = await instancesOperation(deps).run(
    { action: 'list', instance: null, server: null, expiresAt: null },
    testRun(),
  );
  expect(list.instances).toMatchObject([{ instance: restored.runId, running: true }]);
});

test('a table comes back beside the living one, and its SQL joins what was lost', async () => {
  const result = await bringBack(['orders', 'users', 'gone', 'keyless']);

  expect(result.tables.map(({ table, rows }) => [table, rows])).toEqual([
    ['orders', 5000],
    ['users', 100],
    ['gone', 10],
    ['keyless', 10],
  ]);
  for (const { joinSql, verificationSql } of result.tables) {
    await server.query(joinSql);
    const [row] = await server.query(verificationSql);
    expect(Object.values(row ?? {})).toEqual(['0']);
  }
  expect(await addresses()).toBe(lost);
  const [count] = await server.query(
    `SELECT (SELECT count(*) FROM orders)::int AS orders, (SELECT count(*) FROM users)::int AS users,
            (SELECT count(*) FROM gone)::int AS gone`,
  );
  expect(count).toEqual({ orders: 5002, users: 100, gone: 10 });

  await expect(bringBack(['orders'])).rejects.toMatchObject({
    kind: { code: 'DESTINATION_TAKEN' },
  });
  await server.query(result.cleanupSql);
});

test('a copy that fails halfway leaves no schema behind', async () => {
  const operation = restoreTablesOperation(deps);
  const input = operation.input.parse({
    server: 'shop',
    from: restored.runId,
    tables: ['users', 'nix'],
  });
  const { plan } = await operation.prepare(input, asking());
  const run = testRun();

  await expect(operation.run(plan, run)).rejects.toMatchObject({ kind: { code: 'TABLE_UNKNOWN' } });

  expect(run.claims.size).toBe(0);
  expect(await schemas()).toEqual([]);
});

test('the sweeper drops the schema of a run that was killed, and only such a schema', async () => {
  await server.query(
    `CREATE SCHEMA dbdr_restored_r_1; CREATE TABLE dbdr_restored_r_1.t (a int);
     COMMENT ON SCHEMA dbdr_restored_r_1 IS 'Restored by run r-2 from the copy of run r-1; drop it'`,
  );
  const sweeper = restoredSchemaSweeper(deps);
  const options = { signal: testRun().signal, log: silentLog };
  const reference = { server: 'shop', database: 'postgres', runId: 'r-2' };

  await sweeper.sweep({ ...reference, schema: 'dbdr_restored_r_1' }, options);
  await sweeper.sweep({ ...reference, schema: 'dbdr_restored_r_1' }, options);
  await sweeper.sweep({ ...reference, schema: 'public' }, options);

  expect(await schemas()).toEqual([]);
  expect(
    await server.query("SELECT 1 AS ok WHERE to_regclass('public.users') IS NOT NULL"),
  ).toEqual([{ ok: 1 }]);
});

test('a run that finds its schema made by another run ends, and leaves it as it is', async () => {
  const operation = restoreTablesOperation(deps);
  const input = operation.input.parse({ server: 'shop', from: restored.runId, tables: ['users'] });
  const { plan } = await operation.prepare(input, asking());
  const schema = plan.destinationSchema;
  // Another run was between our recheck and our first step.
  await server.query(
    `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.users (id int);
     COMMENT ON SCHEMA ${schema} IS 'Restored by run r-9 from the copy of run r-1; drop it'`,
  );

  await expect(operation.run(plan, testRun())).rejects.toThrow('already exists');

  expect(await schemas()).toEqual([{ nspname: schema }]);
  await server.query(`DROP SCHEMA ${schema} CASCADE`);
});

test('two restores into one folder exclude each other, and scratch restores do not', async () => {
  const operation = restoreOperation(deps);
  async function planned(words: { readonly into?: string }): Promise<readonly string[]> {
    const input = operation.input.parse({ server: 'shop', to: 'latest', ...words });
    return operation.locks((await operation.prepare(input, asking())).plan);
  }

  const into = join(folder.path, 'restored');

  expect(await planned({ into })).toEqual([`folder:${into}`]);
  expect(await planned({})).toEqual([]);
});

test('a plan whose table was changed since is refused', async () => {
  const operation = restoreTablesOperation(deps);
  const input = operation.input.parse({ server: 'shop', from: restored.runId, tables: ['users'] });
  const { plan } = await operation.prepare(input, asking());
  await server.query('ALTER TABLE users ADD COLUMN nick text');

  await expect(operation.recheck(plan, { signal: testRun().signal })).rejects.toMatchObject({
    kind: { code: 'TABLES_CHANGED' },
  });
  await server.query('ALTER TABLE users DROP COLUMN nick');
});

test('an unknown table ends the restore with the one that was meant, and nothing is left', async () => {
  const scratch = await readdir(deps.scratch.path);

  await expect(restore(['order'])).rejects.toMatchObject({
    kind: { code: 'TABLE_UNKNOWN' },
    hint: 'Did you mean `orders`?',
  });

  expect(await readdir(deps.scratch.path)).toEqual(scratch);
});

test('restore --into keeps the copy there until it is removed', async () => {
  const into = join(folder.path, 'kept');
  const operation = restoreOperation(deps);
  const input = operation.input.parse({ to: before, into });
  const { plan } = await operation.prepare(input, asking());
  const result = await operation.run(plan, testRun());

  // Opened at its target by a promotion.
  expect(result.reachedHow).toBe('target');
  expect(result.instance).toMatchObject({ directory: into, expiresAt: null });
  await reapInstances(deps, deps.clock.now().add({ minutes: 1 }));
  expect(existsSync(join(into, 'PG_VERSION'))).toBe(true);
  const instances = instancesOperation(deps);
  const remove = instances.input.parse({ action: 'remove', instance: result.runId });
  const removal = await instances.prepare(remove, asking());
  await instances.run(removal.plan, testRun());
  expect(existsSync(into)).toBe(false);
});

async function schemas(): Promise<unknown[]> {
  return server.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'dbdr_restored_%'");
}

test('a role that may not make the schema is told so with the plan, and refused before anything starts', async () => {
  await server.query('CREATE ROLE reader LOGIN IN ROLE pg_read_all_data');
  const servers = new Map([[NAME, { url: server.url().replace('postgres@', 'reader@') }]]);
  const operation = restoreTablesOperation({ ...deps, servers });
  const input = operation.input.parse({ server: 'shop', from: restored.runId, tables: ['users'] });

  const { plan } = await operation.prepare(input, asking());
  const rechecked = operation.recheck(plan, { signal: testRun().signal });

  const grant = 'GRANT CREATE ON DATABASE postgres TO reader;';
  expect(operation.explain(plan).warnings).toEqual([
    `Run on the server before this is approved: ${grant}`,
  ]);
  await expect(rechecked).rejects.toSatisfy(
    (error) => isProblem(error, TABLES_NO_RIGHT) && error.hint.includes(grant),
  );
});
