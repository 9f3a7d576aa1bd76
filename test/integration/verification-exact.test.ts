/**
 * Proofs in mode exact: counts and contents of production and of the copy are equal at one log position,
 * whatever is written meanwhile; and the smallest difference is seen.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Engine } from '../../src/engines/engine.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import type { ComparedTable } from '../../src/verification/compare.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { makeLedger, startBusyPeople } from '../support/busy-shop.ts';
import { takeChecksumsOff } from '../support/lost-rows.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();
let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres({ settings: { max_prepared_transactions: '4' } });
  await takeChecksumsOff(server);
  setting = await proofSetting(server, {
    databases: ['postgres', 'sales'],
    verification: { tables: 30, lock_seconds: 1 },
  });
  await server.query('CREATE DATABASE sales');
  await makeLedger(server.url());
  await makeLedger(server.url('sales'));
  await server.query(
    'CREATE TABLE users AS SELECT i AS id, md5(i::text) AS name FROM generate_series(1, 900) i',
  );
  await server.query('CREATE TABLE staff AS SELECT i AS id FROM generate_series(1, 50) i');
  for (const name of ['dropped', 'emptied', 'widened', 'locked', 'changing', 'gone', 'lost'])
    await server.query(`CREATE TABLE ${name} AS SELECT i AS id FROM generate_series(1, 40) i`);
  await server.query(ODD_TABLES);
  await server.query('VACUUM (FREEZE)');
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** What is easily forgotten. */
const ODD_TABLES = `
  CREATE TABLE nothing ();
  INSERT INTO nothing DEFAULT VALUES;
  CREATE TABLE empty (id int);
  CREATE TABLE t (t int, "Ein Wort" text, doubled int GENERATED ALWAYS AS (t * 2) STORED);
  INSERT INTO t SELECT i, E'a"b,(\\\\\\n' || i FROM generate_series(1, 20) i;
  CREATE SCHEMA "Odd Ones";
  CREATE TABLE "Odd Ones"."Ta""ble" (at timestamptz, money money, bytes bytea, xml xml, took interval, n float8, what regclass);
  INSERT INTO "Odd Ones"."Ta""ble"
    VALUES (now(), '12.50', '\\x00ff', '<a/>', '1 month 2 days', 0.1 + 0.2, 'users'), (NULL, NULL, NULL, NULL, NULL, 'NaN', NULL);
  CREATE TABLE parts (id int) PARTITION BY RANGE (id);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
  INSERT INTO parts SELECT generate_series(1, 99);
  CREATE TABLE parent (id int);
  CREATE TABLE child (more int) INHERITS (parent);
  INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3);
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users;
  CREATE UNLOGGED TABLE cache AS SELECT 1 AS id;
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE TABLE moods AS SELECT 'good'::mood AS mood;
  CREATE TABLE secrets (id int);
  INSERT INTO secrets VALUES (1), (2);
  ALTER TABLE secrets ENABLE ROW LEVEL SECURITY`;

function table(result: VerifyResult, name: string): ComparedTable {
  const found = result.tables.find((one) => one.table === name);
  if (found === undefined)
    throw new Error(`No ${name} in ${JSON.stringify(result.tables.map((one) => one.table))}`);
  return found;
}

function bad(result: VerifyResult): readonly unknown[] {
  return result.checks.filter(({ verdict }) => verdict !== 'PASS' && verdict !== 'SKIPPED');
}

/** Does something in the middle of a proof: when the snapshot was taken, and nothing was counted in it yet. */
function withSnapshotHeld(deed: () => Promise<void>): VerificationDeps {
  let isDone = false;
  return {
    ...setting.deps,
    async untilStored(request) {
      if (!isDone) await deed();
      isDone = true;
      await setting.deps.untilStored(request);
    },
  };
}

function withFilesChanged(change: (directory: string) => Promise<void>): VerificationDeps {
  const { engine } = setting.deps.recovery;
  const changing: Engine = {
    ...engine,
    async restoreFiles(request) {
      const restored = await engine.restoreFiles(request);
      await change(request.directory);
      return restored;
    },
  };
  return { ...setting.deps, recovery: { ...setting.deps.recovery, engine: changing } };
}

async function pathOf(name: string): Promise<string> {
  const [row] = await server.query(`SELECT pg_relation_filepath('${name}') AS path`);
  return String(row?.['path']);
}

describe('verify, mode exact', () => {
  test('finds every count and every hash equal while eight people write to two databases', async () => {
    await using prepared = await connect(server.url(), { signal });
    await prepared.query('BEGIN');
    await prepared.query('INSERT INTO staff VALUES (51)');
    await prepared.query(`PREPARE TRANSACTION 'left open'`);
    await using people = startBusyPeople([server.url(), server.url('sales')], 8);

    const result = await setting.verify();

    await server.query(`ROLLBACK PREPARED 'left open'`);
    expect(bad(result)).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact', tornDown: true });
    expect(result.tables.filter(({ outcome }) => outcome !== 'equal')).toEqual([]);
    expect(result.tables.filter(({ sourceHash }) => sourceHash === null)).toEqual([]);
    const names = result.tables.map((one) => one.table);
    expect(names).toEqual(
      expect.arrayContaining([
        'postgres.ledger',
        'sales.ledger',
        'postgres.nothing',
        'postgres.empty',
        'postgres.t',
        'postgres.Odd Ones.Ta"ble',
        'postgres.parts_1',
        'postgres.counted',
      ]),
    );
    expect(table(result, 'postgres.parent').restoredRows).toBe(1);
    expect(table(result, 'postgres.staff').restoredRows).toBe(50);
    expect(table(result, 'postgres.secrets').restoredRows).toBe(2);
    expect(result.leftOut).toContain('unlogged tables: cache');
    for (const database of ['postgres', 'sales'])
      expect(result.checks).toContainEqual(
        expect.objectContaining({ check: `Sequences of ${database}`, verdict: 'PASS' }),
      );
    const load = { limitSeconds: 300, sessions: 2, readFromStandby: false };
    expect(result.production).toMatchObject(load);
    expect(result.production?.snapshotSeconds).toBeGreaterThan(0);
    expect(result.production?.snapshotSeconds).toBeLessThan(result.seconds);
    expect(people.committed()).toBeGreaterThan(100);
  });

  test('fails when one byte of one row was changed, and when one row or one file is missing', async () => {
    const [users, staff] = [await pathOf('users'), await pathOf('staff')];
    const lost = await pathOf('lost');
    const counted = Promise.withResolvers<void>();
    const run = testRun();
    run.onStep = (title) => {
      if (title === 'Wait until its log is stored') counted.resolve();
    };
    const deps = withFilesChanged(async (directory) => {
      // The copy stands where it still was.
      await counted.promise;
      await server.query('DROP TABLE gone');
      await rm(join(directory, lost));
      await changeFile(join(directory, users), (page) => {
        const at = page.indexOf('900150983cd24fb0') + 3;
        page[at] = (page[at] ?? 0) ^ 1;
      });
      await changeFile(join(directory, staff), (page) => {
        // The pointer to the first row of the page: `LP_UNUSED`, with no length.
        page.writeUInt32LE(0, 24);
      });
    });
    await server.query(`UPDATE users SET name = '900150983cd24fb0' WHERE id = 7`);
    await server.query('VACUUM (FREEZE) users');
    await setting.backUp();

    const result = await setting.verify(deps, run);

    expect(result).toMatchObject({ verdict: 'FAIL', mode: 'exact', tornDown: true });
    expect(table(result, 'postgres.users')).toMatchObject({
      sourceRows: 900,
      restoredRows: 900,
      equal: false,
      outcome: 'different',
    });
    expect(table(result, 'postgres.staff')).toMatchObject({
      sourceRows: 50,
      restoredRows: 49,
      equal: false,
    });
    const seen = result.checks.find(({ check }) => /largest tables/.test(check));
    expect(seen?.detail).toMatch(/users has 900 rows as production has, and other contents/);
    expect(seen?.detail).toMatch(/staff has 49 rows, production has 50/);
    expect(table(result, 'postgres.ledger').outcome).toBe('equal');
    expect(table(result, 'postgres.lost')).toMatchObject({ equal: false, outcome: 'different' });
    expect(table(result, 'postgres.gone')).toMatchObject({ sourceRows: 40, outcome: 'equal' });
  });

  test('leaves out and names what changes under its hands, and calls nothing else different', async () => {
    // Replayed, it lies in another file than in the backup, and in the same one as in production.
    await server.query('VACUUM FULL staff');
    await using locking = await connect(server.url(), { signal });
    await using changing = await connect(server.url(), { signal });
    await changing.query('BEGIN');
    await changing.query('LOCK TABLE changing');
    await changing.query('INSERT INTO changing VALUES (41)');
    const deps = withSnapshotHeld(async () => {
      await server.query('DROP TABLE dropped');
      await server.query('TRUNCATE emptied');
      await server.query(`ALTER TYPE mood RENAME VALUE 'good' TO 'fine'`);
      await server.query(`ALTER TABLE widened ADD COLUMN more text DEFAULT 'x'`);
      await lock(locking, 'locked');
      await changing.query('ROLLBACK');
    });

    const result = await setting.verify(deps);

    expect(bad(result)).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact' });
    expect(result.leftOut).toEqual(
      expect.arrayContaining([
        'dropped: it was dropped meanwhile',
        'emptied: it was rewritten or emptied meanwhile',
        'locked: it was locked for longer than 1 s',
        'moods: a type of its columns was changed meanwhile',
      ]),
    );
    expect(table(result, 'postgres.widened').outcome).toBe('equal');
    expect(table(result, 'postgres.staff')).toMatchObject({ outcome: 'equal', restoredRows: 50 });
    // A transaction that was open at that position holds it in the copy for ever.
    expect(table(result, 'postgres.changing')).toMatchObject({
      outcome: 'not compared',
      equal: null,
    });
  });
});

describe('verify, mode exact, with a role that may not read', () => {
  test.each([
    { grants: [], words: /^no table could be compared: .*permission denied for table/ },
    { grants: ['users'], words: /^could not be told of .*permission denied for table/ },
  ])('cannot tell, and names the right that is missing: $grants', async ({ grants, words }) => {
    const role = `blind_${grants.length}`;
    await server.query(`CREATE ROLE ${role} LOGIN`);
    for (const name of grants) await server.query(`GRANT SELECT ON ${name} TO ${role}`);
    const { shop } = setting.deps.servers;
    if (shop === undefined) throw new Error('There is no server');
    const url = server.url().replace('postgres@', `${role}@`);
    const blind = { ...shop, url, databases: ['postgres'] as const };

    const result = await setting.verify({ ...setting.deps, servers: { shop: blind } });

    const seen = result.checks.find(({ check }) => /largest tables/.test(check));
    expect(result).toMatchObject({ verdict: 'ERROR', mode: 'exact' });
    expect(seen?.verdict).toBe('ERROR');
    expect(seen?.detail).toMatch(words);
    expect(seen?.detail).toContain('`GRANT pg_read_all_data TO …;` would let us');
    expect(result.tables.map(({ outcome }) => outcome)).toEqual(grants.map(() => 'equal'));
  });
});

async function lock(session: Session, name: string): Promise<void> {
  await session.query('BEGIN');
  await session.query(`LOCK TABLE ${name}`);
}

async function changeFile(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(path);
  change(bytes);
  await writeFile(path, bytes);
}
