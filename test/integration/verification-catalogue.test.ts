/** Copies that lost something other than rows: each must fail, and say what is lost by its name. */
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Check } from '../../src/verification/checks.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { changeRow, damagedBy, findRow, loseRow, takeChecksumsOff } from '../support/lost-rows.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';

let server: TestPostgres;
let setting: ProofSetting;
/** Of libraries that PostgreSQL did not bring. */
let folder: string;

const MADE = [
  'CREATE TABLE orders (id bigserial PRIMARY KEY, total numeric(10,2) NOT NULL, shipping_address text)',
  'CREATE INDEX orders_total ON orders (total)',
  'CREATE TABLE little (id int)',
  `INSERT INTO orders (total, shipping_address) SELECT i, md5(i::text) FROM generate_series(1, 500) i`,
  'CREATE VIEW dear AS SELECT * FROM orders WHERE total > 100',
  'CREATE ROLE clerk LOGIN',
  'CREATE EXTENSION hstore',
  'CREATE TABLE places (id int, tags hstore)',
  `INSERT INTO places SELECT i, hstore('a', i::text) FROM generate_series(1, 20) i`,
  'CREATE INDEX places_tags ON places (tags)',
  `CREATE COLLATION german (provider = icu, locale = 'de')`,
  'CREATE INDEX orders_text ON orders (shipping_address COLLATE german)',
  // As an extension that this machine does not have would stand there.
  'SET allow_system_table_mods TO on',
  `UPDATE pg_extension SET extname = 'postgis', extversion = '3.4.2' WHERE extname = 'hstore'`,
  // In production's order of text, which is another one here.
  'CREATE TABLE words (word text)',
  `INSERT INTO words VALUES ('B'), ('a'), ('Z'), ('z')`,
  'CREATE INDEX words_word ON words (word COLLATE "C")',
  `UPDATE pg_index SET indcollation = (SELECT oid::text FROM pg_collation WHERE collname = 'german')::oidvector
    WHERE indexrelid = 'words_word'::regclass`,
  `UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'german'`,
];

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  await takeChecksumsOff(server);
  setting = await proofSetting(server);
  await server.query(MADE.join(';\n'));
  folder = await server.makeFolder('lib');
  await install('hstore', 'postgis-3');
  await server.query(
    `SET allow_system_table_mods TO on;
     UPDATE pg_proc SET probin = '${join(folder, 'postgis-3')}' WHERE probin = '$libdir/hstore'`,
  );
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function check(result: VerifyResult, name: string): Check {
  const found = result.checks.find((one) => one.check === name);
  if (found === undefined) throw new Error(`No check ${name} in ${JSON.stringify(result.checks)}`);
  return found;
}

function sentence(result: VerifyResult, name: string): string {
  const { verdict, detail } = check(result, name);
  return `${verdict}: ${detail}`;
}

/** A library of PostgreSQL's under another name, in a place of its own. */
async function install(library: string, name: string): Promise<void> {
  const [row] = await server.query(`SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'`);
  await copyFile(join(String(row?.['setting']), `${library}.so`), join(folder, `${name}.so`));
}

/** Of a column of a catalogue inside its rows: those before it are of fixed length and leave no gaps. */
async function offsetOf(catalogue: string, column: string): Promise<number> {
  const [row] = await server.query(
    `SELECT sum(attlen)::int AS before FROM pg_attribute
      WHERE attrelid = '${catalogue}'::regclass AND attnum > 0
        AND attnum < (SELECT attnum FROM pg_attribute
                       WHERE attrelid = '${catalogue}'::regclass AND attname = '${column}')`,
  );
  return Number(row?.['before']);
}

test('names an extension that this machine lacks and its package, and tells no damage', async () => {
  // Production has it; the machine of the copy has not.
  const deps = damagedBy(setting.deps, async () => rm(join(folder, 'postgis-3.so')));

  const result = await setting.verify(deps);
  await install('hstore', 'postgis-3');

  expect(sentence(result, 'Extensions')).toMatch(
    /^ERROR: postgis 3\.4\.2 is used and not installed here \(.+\/postgis-3\), which postgresql-\d+-postgis-3 \(Debian\).*; 2 columns and indexes/,
  );
  expect(sentence(result, 'Indexes and pages')).toMatch(
    /^ERROR: text is ordered otherwise here, .*: btree index postgres\.public\.words_word: .*; cannot be looked at here: btree index postgres\.public\.places_tags: could not access file/,
  );
  expect(result.verdict).toBe('ERROR');
  expect(result.checks.filter(({ verdict }) => verdict === 'FAIL')).toEqual([]);
  expect(check(result, 'Catalogue')).toMatchObject({ verdict: 'PASS' });
  expect(check(result, 'Roles and databases')).toMatchObject({ verdict: 'PASS' });
  expect(check(result, 'Sequences')).toMatchObject({ verdict: 'PASS' });
  expect(sentence(result, 'Collations')).toMatch(
    /^SKIPPED: text indexes cannot be judged here.*: german \(1\.0 there, /,
  );
  expect(check(result, 'Page checksums')).toMatchObject({
    verdict: 'SKIPPED',
    detail: 'production has no page checksums',
  });
});

test('fails for each thing that the catalogue of the copy lost, by its name', async () => {
  // What other tests wrote since the last backup would be replayed over the damage.
  await server.query('VACUUM (FREEZE)');
  await setting.backUp();
  const table = await findRow(server, 'pg_class', `relname = 'little'`);
  const column = await findRow(
    server,
    'pg_attribute',
    `attrelid = 'orders'::regclass AND attname = 'shipping_address'`,
  );
  const role = await findRow(server, 'pg_authid', `rolname = 'clerk'`);
  const rule = await findRow(server, 'pg_rewrite', `ev_class = 'dear'::regclass`);
  const index = await findRow(server, 'pg_index', `indexrelid = 'orders_total'::regclass`);
  const valid = { offset: await offsetOf('pg_index', 'indisvalid'), bytes: Buffer.from([0]) };
  const dropped = {
    offset: await offsetOf('pg_attribute', 'attisdropped'),
    bytes: Buffer.from([1]),
  };
  const sequence = await findRow(server, 'orders_id_seq', 'true');
  const behind = Buffer.alloc(8);
  behind.writeBigInt64LE(499n);
  const deps = damagedBy(setting.deps, async (directory) => {
    for (const row of [table, role, rule]) await loseRow(directory, row);
    await changeRow(directory, index, valid);
    await changeRow(directory, column, dropped);
    await changeRow(directory, sequence, { offset: 0, bytes: behind });
  });

  const result = await setting.verify(deps);

  expect(result.verdict).toBe('FAIL');
  const catalogue = check(result, 'Catalogue');
  expect(catalogue.verdict).toBe('FAIL');
  expect(catalogue.detail.split('; ').toSorted()).toEqual([
    'definition of dear is missing',
    'index orders_total is "invalid", in production "valid"',
    'little is missing',
    'orders.shipping_address is missing',
  ]);
  expect(check(result, 'Roles and databases')).toMatchObject({
    verdict: 'FAIL',
    detail: 'role clerk is missing',
  });
  expect(check(result, 'Sequences').verdict).toBe('FAIL');
  expect(check(result, 'Sequences').detail).toMatch(
    /^orders_id_seq stands at 499, production had 500 before the position/,
  );
  expect(check(result, 'Invalid indexes').detail).toMatch(/^postgres\.orders_total: left by/);
  expect(result.tornDown).toBe(true);
});

test('waits for no lock that a transaction holds for ever in the paused copy', async () => {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  await client.query('BEGIN; TRUNCATE orders RESTART IDENTITY');

  const result = await setting.verify();
  await client.query('ROLLBACK');
  await client.end();

  expect(sentence(result, 'Sequences')).toBe('SKIPPED: none had bounds to be judged by');
  expect(check(result, 'Catalogue').verdict).toBe('PASS');
  expect(result.checks.filter(({ verdict }) => verdict === 'FAIL')).toEqual([]);
});

test('says what needs production when it cannot be asked, and judges what needs only the copy', async () => {
  await install('citext', 'rates');
  await server.query(
    `CREATE FUNCTION rate(text) RETURNS int LANGUAGE C AS '${join(folder, 'rates')}', 'citext_hash'`,
  );
  await setting.archive();
  await rm(join(folder, 'rates.so'));
  await server.stop();

  const result = await setting.verify();
  await server.start();
  await server.query('DROP FUNCTION rate');

  for (const name of ['Catalogue', 'Roles and databases', 'Sequences'])
    expect(sentence(result, name)).toBe('SKIPPED: production could not be asked');
  expect(sentence(result, 'Extensions')).toMatch(
    /^PASS: postgis 3\.4\.2 is used and its control file is not here/,
  );
  expect(check(result, 'Extensions').detail).toContain(
    `functions need the library ${join(folder, 'rates')}, which is not here`,
  );
  expect(check(result, 'Collations').verdict).toBe('SKIPPED');
});
