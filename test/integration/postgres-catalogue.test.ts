/** The catalogue as it is read: the same for every role and setting, whole, and without a trace. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalogue } from '../../src/postgres/catalogue-reading.ts';
import { readSequences } from '../../src/postgres/catalogue-reading-sequences.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const TABLES = 600;
const MADE = `
  CREATE SCHEMA app;
  CREATE TYPE app."Mood" AS ENUM ('good', 'bad');
  CREATE TABLE app.notes (id bigserial PRIMARY KEY, mood app."Mood", body bytea);
  ALTER TABLE app.notes ADD price money DEFAULT '7.5';
  CREATE FUNCTION app.judge(app."Mood") RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
  CREATE TRIGGER keep BEFORE INSERT ON app.notes FOR EACH ROW EXECUTE FUNCTION app.keep('x', 'y');
  CREATE ROLE bot LOGIN;
  GRANT pg_read_all_data TO bot;
  ALTER ROLE bot SET search_path = app;
  ALTER ROLE bot SET bytea_output = escape;
  ALTER ROLE bot SET quote_all_identifiers = on;
  DO $$ BEGIN
    FOR i IN 1..${TABLES} LOOP EXECUTE format('CREATE TABLE many_%s (id serial, words text)', i); END LOOP;
  END $$`;

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
  await server.query(MADE);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function enter(role: string): Promise<Session> {
  const url = server.url().replace('postgres@', `${role}@`);
  return connect(url, { signal: AbortSignal.timeout(60_000) });
}

async function readAll(session: Session): Promise<readonly string[]> {
  return session.transaction(BEGIN, async () => {
    const [database, cluster] = [
      await readCatalogue(session, 'database'),
      await readCatalogue(session, 'cluster'),
    ];
    return [...database.objects(), ...cluster.objects()].map((object) => JSON.stringify(object));
  });
}

test('readCatalogue() reads the same as any role and under any settings, which stay as they were', async () => {
  await using owner = await enter('postgres');
  await using bot = await enter('bot');

  const [all, seen] = [await readAll(owner), await readAll(bot)];
  const [kept] = await bot.query<{ path: string; output: string }>(
    `SELECT current_setting('search_path') AS path, current_setting('bytea_output') AS output`,
  );

  expect(seen.filter((object) => !all.includes(object))).toEqual([]);
  expect(seen).toHaveLength(all.length);
  expect(kept).toEqual({ path: 'app', output: 'escape' });
});

test('readCatalogue() keeps constraints of domains apart that have one name in two schemas', async () => {
  await using session = await enter('postgres');
  await server.query(
    `CREATE SCHEMA one; CREATE SCHEMA two;
     CREATE DOMAIN one.email AS text CONSTRAINT valid CHECK (value LIKE '%@%');
     CREATE DOMAIN two.email AS text CONSTRAINT valid CHECK (value <> '');
     CREATE DOMAIN email AS text CONSTRAINT valid CHECK (length(value) > 2)`,
  );

  const catalogue = await session.transaction(BEGIN, async () =>
    readCatalogue(session, 'database'),
  );

  const names = [...catalogue.objects()].flatMap(({ kind, name }) =>
    kind === 'constraint' && name.startsWith('valid') ? [name] : [],
  );
  expect(names.toSorted()).toEqual(['valid of email', 'valid of one.email', 'valid of two.email']);
});

test('readCatalogue() reads a catalogue that does not fit into one answer', async () => {
  await using session = await enter('postgres');

  const catalogue = await session.transaction(BEGIN, async () =>
    readCatalogue(session, 'database'),
  );

  const tables = [...catalogue.objects()].filter(
    ({ kind, name }) => kind === 'table' && name.startsWith('many_'),
  );
  expect(tables).toHaveLength(TABLES);
  expect(catalogue.find('column', `many_${TABLES}.words`)).toMatchObject({
    parent: `many_${TABLES}`,
    says: 'text',
  });
});

test('readCatalogue() sees the snapshot and not what was committed since', async () => {
  await using session = await enter('postgres');

  const catalogue = await session.transaction(BEGIN, async () => {
    await session.query('SELECT 1 FROM pg_class LIMIT 1');
    await server.query('CREATE TABLE later (id int); ALTER TABLE many_1 RENAME TO renamed');
    return readCatalogue(session, 'database');
  });
  await server.query('DROP TABLE later; ALTER TABLE renamed RENAME TO many_1');

  expect(catalogue.find('table', 'later')).toBeUndefined();
  expect(catalogue.find('table', 'many_1')).toBeDefined();
});

test('readSequences() reads more of them than it locks at once, and where each stands', async () => {
  await using session = await enter('bot');
  await server.query(`SELECT nextval('many_${TABLES}_id_seq'), nextval('many_${TABLES}_id_seq')`);

  const { sequences, fromLsn, toLsn } = await readSequences(session);

  expect(sequences).toHaveLength(TABLES + 1);
  expect(sequences.find(({ name }) => name === `many_${TABLES}_id_seq`)).toMatchObject({
    last: 2n,
  });
  expect(sequences.find(({ name }) => name === 'app.notes_id_seq')).toMatchObject({ last: null });
  expect(fromLsn <= toLsn).toBe(true);
});

test('readSequences() tells by its file that a sequence was restarted with its table', async () => {
  await using session = await enter('bot');
  async function fileOf(name: string): Promise<string | undefined> {
    const { sequences } = await readSequences(session);
    return sequences.find((one) => one.name === name)?.fileNode;
  }
  const before = await fileOf('many_2_id_seq');
  await server.query(`SELECT nextval('many_2_id_seq'), setval('many_2_id_seq', 70)`);
  const used = await fileOf('many_2_id_seq');

  await server.query('TRUNCATE many_2 RESTART IDENTITY');

  expect(before).toMatch(/^[0-9]+$/);
  expect(used).toBe(before);
  expect(await fileOf('many_2_id_seq')).not.toBe(before);
});
