/** Tests of counting and hashing on a real server: parts add up, and settings of a role change nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import {
  countAndHash,
  prepareCounting,
  type RowsRequest,
  type RowsSeen,
  readCountables,
} from '../../src/postgres/table-content.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const { signal } = new AbortController();
let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
  await server.query(
    `CREATE TABLE wide AS SELECT i AS id, repeat(md5(i::text), 20) AS words, now() + i * '1 h'::interval AS at,
       (i || '.50')::money AS money, decode(md5(i::text), 'hex') AS bytes, i::float8 / 3 AS third, 'pg_class'::regclass AS what
       FROM generate_series(1, 900) i`,
  );
  await server.query('CREATE ROLE foreigner SUPERUSER LOGIN');
  for (const setting of [
    `TimeZone TO 'Asia/Kathmandu'`,
    `DateStyle TO 'German'`,
    `IntervalStyle TO 'postgres_verbose'`,
    'bytea_output TO escape',
    'extra_float_digits TO -5',
    'search_path TO nowhere',
    'quote_all_identifiers TO on',
    'enable_tidscan TO off',
  ])
    await server.query(`ALTER ROLE foreigner SET ${setting}`);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function openCounting(url = server.url()): Promise<Session> {
  const session = await connect(url, { signal });
  await prepareCounting(session, { lockSeconds: 1 });
  return session;
}

const WIDE: RowsRequest = {
  schema: 'public',
  table: 'wide',
  columns: ['id', 'words', 'at', 'money', 'bytes', 'third', 'what'],
  fromPage: null,
  toPage: null,
};

describe('countAndHash()', () => {
  test('answers the same for the whole table and for the sum of its pages', async () => {
    await using session = await openCounting();
    const { tables } = await readCountables(session);
    const pages = tables.find(({ table }) => table === 'wide')?.pages ?? 0;

    const whole = await countAndHash(session, WIDE);
    const parts: RowsSeen[] = [];
    for (let fromPage = 0; fromPage < pages; fromPage += 7)
      parts.push(await countAndHash(session, { ...WIDE, fromPage, toPage: fromPage + 7 }));

    expect(pages).toBeGreaterThan(14);
    expect(whole.rows).toBe(900n);
    expect(parts.reduce((sum, { rows }) => sum + rows, 0n)).toBe(900n);
    expect(parts.reduce((sum, { hash }) => sum + (hash ?? 0n), 0n)).toBe(whole.hash);
  });

  test('answers the same whatever the role prefers', async () => {
    await using session = await openCounting();
    await using foreign = await openCounting(server.url().replace('postgres@', 'foreigner@'));

    expect(await countAndHash(foreign, WIDE)).toEqual(await countAndHash(session, WIDE));
  });

  test('answers another hash for one byte, and the same for another order of rows', async () => {
    await using session = await openCounting();
    const whole = await countAndHash(session, WIDE);
    await server.query('CREATE TABLE turned AS SELECT * FROM wide ORDER BY id DESC');
    const turned = await countAndHash(session, { ...WIDE, table: 'turned' });
    await server.query(`UPDATE turned SET words = 'x' || substr(words, 2) WHERE id = 400`);
    const changed = await countAndHash(session, { ...WIDE, table: 'turned' });
    await server.query('DROP TABLE turned');

    expect(turned.hash).toBe(whole.hash);
    expect(changed.rows).toBe(whole.rows);
    expect(changed.hash).not.toBe(whole.hash);
  });

  test('asks for no size of a table that somebody has locked, and tells of the lock when it counts', async () => {
    await using locking = await connect(server.url(), { signal });
    await using session = await openCounting();
    await locking.query('BEGIN');
    await locking.query('LOCK TABLE wide');

    const { tables } = await readCountables(session);

    expect(tables.map(({ table }) => table)).toContain('wide');
    await expect(countAndHash(session, WIDE)).rejects.toMatchObject({
      facts: { sqlState: '55P03' },
    });
    await locking.query('ROLLBACK');
  });

  test('asks for no size where only the index of the TOAST is locked, as REINDEX does', async () => {
    await using locking = await connect(server.url(), { signal });
    await using session = await openCounting();
    await locking.query('BEGIN');
    await locking.query('REINDEX TABLE wide');

    const { tables } = await readCountables(session);

    expect(tables.map(({ table }) => table)).toContain('wide');
    await locking.query('ROLLBACK');
  });

  test('refuses to hash a column that took the name of one that the snapshot sees', async () => {
    await server.query(
      'CREATE TABLE moving AS SELECT i AS a, i AS "B ""b" FROM generate_series(1, 9) i',
    );
    await using session = await openCounting();
    const request: RowsRequest = { ...WIDE, table: 'moving', columns: ['a', 'B "b'] };

    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const seen = await countAndHash(session, request);
    await session.query('COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await session.query('SELECT 1 FROM pg_class');
    await server.query('ALTER TABLE moving ADD COLUMN other int DEFAULT 9');
    await session.query('SAVEPOINT wider');
    const wider = await countAndHash(session, request);
    await session.query('ROLLBACK TO wider');
    await server.query('ALTER TABLE moving DROP COLUMN a');
    await server.query('ALTER TABLE moving ADD COLUMN a int DEFAULT 9');

    await expect(countAndHash(session, request)).rejects.toMatchObject({
      facts: { sqlState: '42703' },
    });
    const counted = await countAndHash(session, { ...request, columns: undefined });
    await session.query('ROLLBACK');
    await server.query('DROP TABLE moving');
    expect(wider).toEqual(seen);
    expect(counted.rows).toBe(9n);
  });

  test('refuses to count what row security hides, rather than counting less', async () => {
    await server.query('CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1)');
    await server.query('ALTER TABLE hidden ENABLE ROW LEVEL SECURITY');
    await server.query('CREATE ROLE reader LOGIN IN ROLE pg_read_all_data');
    await using session = await openCounting(server.url().replace('postgres@', 'reader@'));
    const request = { ...WIDE, table: 'hidden', columns: ['id'] };

    await expect(countAndHash(session, request)).rejects.toMatchObject({
      facts: { sqlState: '42501' },
    });
  });
});

describe('prepareCounting()', () => {
  test.each([
    ['idle_in_transaction_session_timeout', '11min'],
    ['client_connection_check_interval', '10s'],
    ['lock_timeout', '1s'],
  ])('has the server let go of a dead reader: %s', async (name, value) => {
    await using session = await connect(server.url(), { signal });

    await prepareCounting(session, { lockSeconds: 1, seconds: 600 });

    const [row] = await session.query('SELECT current_setting($1) AS is', [name]);
    expect(row).toEqual({ is: value });
  });
});
