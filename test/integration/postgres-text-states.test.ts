/** What a snapshot does not hold still: PostgreSQL writes rows, rights and names by the catalogue of the moment. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { readCatalogue } from '../../src/postgres/catalogue-reading.ts';
import { readHostNeeds } from '../../src/postgres/catalogue-reading-host.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import {
  countAndHash,
  prepareCounting,
  type RowsRequest,
} from '../../src/postgres/table-content.ts';
import { readTextStates } from '../../src/postgres/text-states.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const { signal } = new AbortController();
const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
let server: TestPostgres;

const MADE = [
  `CREATE TYPE mood AS ENUM ('good', 'bad')`,
  'CREATE TYPE place AS (street text, mood mood)',
  'CREATE TYPE moods AS RANGE (subtype = mood)',
  'CREATE DOMAIN deep AS mood[]',
  'CREATE TABLE plain (id int, words text[])',
  'CREATE TABLE spare (id int)',
  'CREATE TABLE direct (mood mood)',
  'CREATE TABLE nested (place place)',
  'CREATE TABLE ranged (moods moods)',
  'CREATE TABLE domained (deep deep)',
  'CREATE TABLE naming (what regclass)',
  `INSERT INTO direct VALUES ('good')`,
  `INSERT INTO nested VALUES (ROW('here', 'good'))`,
  `INSERT INTO ranged VALUES ('[good,bad]')`,
  `INSERT INTO domained VALUES ('{good}')`,
  `INSERT INTO naming VALUES ('plain')`,
  'CREATE ROLE clerk',
  'GRANT SELECT ON plain TO clerk',
  'CREATE FUNCTION judge(mood[]) RETURNS int LANGUAGE sql AS $$SELECT 1$$',
  'CREATE EXTENSION hstore',
  'CREATE DOMAIN tags AS hstore',
  'CREATE DOMAIN tag_list AS tags[]',
  'CREATE TABLE tagged (id int, tags tags, list tag_list)',
];

beforeAll(async () => {
  server = await startPostgres();
  for (const sql of MADE) await server.query(sql);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function open(): Promise<Session> {
  const session = await connect(server.url(), { signal });
  await prepareCounting(session, { lockSeconds: 1 });
  return session;
}

const COLUMNS = { direct: 'mood', nested: 'place', ranged: 'moods', domained: 'deep' };

async function hashes(session: Session): Promise<readonly (bigint | null)[]> {
  const found: (bigint | null)[] = [];
  for (const [table, column] of Object.entries({ ...COLUMNS, naming: 'what' })) {
    const request: RowsRequest = {
      schema: 'public',
      table,
      columns: [column],
      fromPage: null,
      toPage: null,
    };
    found.push((await countAndHash(session, request)).hash);
  }
  return found;
}

/** Names of the tables whose text may not be that of the snapshot. */
async function changedBy(change: string): Promise<readonly string[]> {
  await using leader = await open();
  return await leader.transaction(BEGIN, async () => {
    const before = await readTextStates(leader);
    await server.query(change);
    await using other = await open();
    const now = await readTextStates(other);
    const oids = [...before.keys()].filter((oid) => before.get(oid) !== now.get(oid));
    const rows = await leader.query<{ name: string }>(
      'SELECT relname::text AS name FROM pg_class WHERE oid = ANY ($1::oid[]) ORDER BY relname',
      [oids],
    );
    return rows.map(({ name }) => name);
  });
}

test('readTextStates() finds every table whose rows look otherwise to an old snapshot', async () => {
  await using reader = await open();
  await using holder = await open();
  const before = await hashes(reader);
  await holder.transaction(BEGIN, async () => {
    await holder.query('SELECT pg_current_snapshot()');

    const changed = await changedBy(`ALTER TYPE mood RENAME VALUE 'good' TO 'fine'`);
    await server.query('ALTER TABLE plain RENAME TO simple');

    // PostgreSQL reads the rows of the snapshot and writes the labels and names of now.
    const after = await hashes(holder);
    expect(after.filter((hash, index) => hash === before[index])).toEqual([]);
    expect(changed).toEqual(Object.keys(COLUMNS).toSorted());
  });
});

test('readTextStates() tells renamed there and back, and nothing of what no text hangs on', async () => {
  const back = `ALTER TYPE mood RENAME VALUE 'bad' TO 'x'; ALTER TYPE mood RENAME VALUE 'x' TO 'bad'`;

  expect(await changedBy(back)).toEqual(Object.keys(COLUMNS).toSorted());
  expect(await changedBy('ALTER TYPE place ADD ATTRIBUTE house int')).toEqual(['nested']);
  expect(await changedBy('ALTER TABLE spare RENAME TO other')).toEqual(['naming']);
  expect(await changedBy('ANALYZE; CREATE INDEX ON nested (place)')).toEqual(['naming']);
  expect(await changedBy('VACUUM (FREEZE)')).toEqual([]);
});

test('readCatalogue() refuses what was renamed since its snapshot, which others look like a fault', async () => {
  for (const [there, back] of [
    ['ALTER ROLE clerk RENAME TO cleric', 'ALTER ROLE cleric RENAME TO clerk'],
    ['ALTER TYPE mood RENAME TO temper', 'ALTER TYPE temper RENAME TO mood'],
  ] as const) {
    await using session = await open();
    const reading = session.transaction(BEGIN, async () => {
      await session.query('SELECT pg_current_snapshot()');
      await server.query(there);
      return readCatalogue(session, 'database');
    });

    await expect(reading).rejects.toThrow('roles or types were renamed meanwhile');
    await server.query(back);
  }
  await using session = await open();
  const whole = await session.transaction(BEGIN, async () => readCatalogue(session, 'database'));
  expect(whole.find('function', 'judge(public.mood[])')).toBeDefined();
});

test("readHostNeeds() counts columns of domains over an extension's types, and of arrays of them", async () => {
  await using session = await open();

  const { extensions } = await readHostNeeds(session);

  expect(extensions.find(({ name }) => name === 'hstore')?.uses).toBe(2);
});
