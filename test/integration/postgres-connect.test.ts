/** Sessions against a real server: values, refusals, cancelling. */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { isProblem } from '../../src/kernel/problem.ts';
import { connect } from '../../src/postgres/connect.ts';
import {
  NO_REPLICATION_RIGHT,
  NO_WAL_SENDER,
  PERMISSION_MISSING,
  POSTGRES_REFUSED,
  POSTGRES_UNREACHABLE,
  QUERY_FAILED,
  QUERY_TOO_SLOW,
} from '../../src/postgres/problems.ts';
import { openReplication } from '../../src/postgres/replication-connection.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres({
    port: 54329,
    settings: { max_wal_senders: '1', listen_addresses: '127.0.0.1' },
  });
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('gives moments with microseconds, big numbers as text, and never a Date', async () => {
  await using session = await connect(postgres.url(), { signal });

  const [row] = await session.query<Record<string, unknown>>(
    `SELECT '2026-11-22 14:46:00.123456+01'::timestamptz AS moment, 'infinity'::timestamptz AS never,
            '0044-03-15 12:00:00+00 BC'::timestamptz AS ides, 12345678901234567::int8 AS big,
            1.10::numeric AS price, '0/16B3748'::pg_lsn AS lsn, true AS yes, 7 AS small,
            '2026-11-22'::date AS day, '{a,"b \\"c\\"",NULL}'::text[] AS words, '{"a": 1}'::jsonb AS doc`,
  );

  expect(row).toMatchObject({
    never: 'infinity',
    big: '12345678901234567',
    price: '1.10',
    lsn: '0/16B3748',
    yes: true,
    small: 7,
    day: '2026-11-22',
    words: ['a', 'b "c"', null],
    doc: { a: 1 },
  });
  expect(String(row?.['moment'])).toBe('2026-11-22T13:46:00.123456Z');
  expect(String(row?.['ides'])).toBe('-000043-03-15T12:00:00Z');
});

test('copies rows out and in again', async () => {
  await using session = await connect(postgres.url(), { signal });
  await session.query(
    'CREATE TABLE source AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i',
  );
  await session.query('CREATE TABLE target (LIKE source)');
  const pieces: Buffer[] = [];
  for await (const piece of session.copyOut('COPY source TO STDOUT')) pieces.push(piece);

  async function* rows(): AsyncIterable<Buffer> {
    yield* pieces;
  }
  const count = await session.copyIn('COPY target FROM STDIN', rows());

  const left = await session.query('TABLE source EXCEPT TABLE target');
  expect(count).toBe(50_000);
  expect(left).toEqual([]);
});

test('rolls back when the work throws, and tells its error', async () => {
  await using session = await connect(postgres.url(), { signal });
  const oops = new Error('oops');

  const work = session.transaction('BEGIN', async () => {
    await session.query('CREATE TABLE never_there (i int)');
    throw oops;
  });

  await expect(work).rejects.toBe(oops);
  const [row] = await session.query<{ there: string | null }>(
    `SELECT to_regclass('never_there')::text AS there`,
  );
  expect(row?.there).toBeNull();
});

test('tells what kind of failure a statement met', async () => {
  await using session = await connect(postgres.url(), { signal, statementTimeoutMs: 50 });

  await expect(session.query('SELECT pg_sleep(10)')).rejects.toSatisfy((error) =>
    isProblem(error, QUERY_TOO_SLOW),
  );
  await expect(session.query('SELEKT 1')).rejects.toSatisfy((error) =>
    isProblem(error, QUERY_FAILED),
  );
  await session.query('CREATE ROLE weak');
  await session.query('SET ROLE weak');
  await expect(session.query('TABLE pg_authid')).rejects.toSatisfy((error) =>
    isProblem(error, PERMISSION_MISSING),
  );
});

test('cancels the statement on the server when the signal aborts', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const session = await connect(postgres.url(), {
    signal: controller.signal,
    statementTimeoutMs: 0,
    applicationName: 'to be cancelled',
  });
  const sleeping = session.query('SELECT pg_sleep(600)');
  await expect
    .poll(async () => await postgres.query(SLEEPERS))
    .toMatchObject([{ state: 'active' }]);

  controller.abort(reason);

  await expect(sleeping).rejects.toBe(reason);
  await expect.poll(async () => await postgres.query(SLEEPERS)).toEqual([]);
  await session[Symbol.asyncDispose]();
});

const SLEEPERS = `SELECT state FROM pg_stat_activity WHERE application_name = 'to be cancelled'`;

test('gives up connecting when the signal aborts, also where the server hangs up in that moment', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const server = createServer((socket) => {
    socket.once('data', () => controller.abort(reason));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;

  await expect(
    connect(`postgres://ana@127.0.0.1:${port}/shop?sslmode=disable`, {
      signal: controller.signal,
    }),
  ).rejects.toBe(reason);

  server.close();
});

test('says that nobody answers, without the password', async () => {
  const failing = connect('postgres://u:s3cret@127.0.0.1:1/x', { signal });

  await expect(failing).rejects.toSatisfy(
    (error) => isProblem(error, POSTGRES_UNREACHABLE) && !JSON.stringify(error).includes('s3cret'),
  );
});

function url(password: string): string {
  return `postgres://app:${password}@127.0.0.1:54329/postgres`;
}

test('replicates over TLS, and checks who answers where it is asked to', async (context) => {
  const openssl = '/usr/bin/openssl';
  if (!existsSync(openssl)) {
    context.skip('there is no openssl to make a certificate with');
    return;
  }
  await using secure = await startPostgres({
    port: 54331,
    settings: { listen_addresses: '127.0.0.1' },
  });
  const [key, certificate] = ['server.key', 'server.crt'].map((name) =>
    join(secure.dataDirectory, name),
  );
  await runProgramWell(openssl, [...REQUEST, '-keyout', key ?? '', '-out', certificate ?? ''], {
    signal,
    deadlineMs: 20_000,
    cwd: '/',
    environment: {},
    user: secure.user,
  });
  await secure.query(`ALTER SYSTEM SET ssl = on`);
  await secure.query('SELECT pg_reload_conf()');
  const base = 'postgres://postgres@127.0.0.1:54331/postgres';
  const checked = `${base}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate ?? '')}`;
  await expect
    .poll(async () => await connect(checked, { signal }).catch((error: unknown) => error))
    .toHaveProperty('query');

  await using connection = await openReplication(checked, { signal });
  const [row] = await connection.rows('IDENTIFY_SYSTEM');
  let bytes = 0;
  const error = await connection.converse(`BASE_BACKUP (CHECKPOINT 'fast', WAIT false)`, {
    copyPart: (_buffer, start, end) => {
      bytes += end - start;
    },
  });

  expect(row?.[1]).toBe('1');
  expect(error).toBeUndefined();
  expect(bytes).toBeGreaterThan(20_000_000);
  await expect(connect(`${base}?sslmode=verify-full`, { signal })).rejects.toSatisfy((refusal) =>
    isProblem(refusal, POSTGRES_REFUSED),
  );
});

const REQUEST =
  'req -new -x509 -days 2 -nodes -newkey rsa:2048 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'.split(
    ' ',
  );

function isMissingRight(error: unknown, remedy: string): boolean {
  return isProblem(error, NO_REPLICATION_RIGHT) && error.hint.includes(remedy);
}

test('authenticates with SCRAM, and names the missing right with its remedy', async () => {
  await postgres.query(`CREATE ROLE app LOGIN PASSWORD 'right'`);
  const hba = join(postgres.dataDirectory, 'pg_hba.conf');
  const before = await readFile(hba, 'utf8');
  await writeFile(hba, 'local all postgres trust\nhost all app 127.0.0.1/32 scram-sha-256\n');
  await postgres.query('SELECT pg_reload_conf()');

  await expect
    .poll(async () => await connect(url('wrong'), { signal }).catch((error: unknown) => error))
    .toSatisfy((error) => isProblem(error, POSTGRES_REFUSED));
  await expect(openReplication(url('right'), { signal })).rejects.toSatisfy((error) =>
    isMissingRight(error, '`host replication app 127.0.0.1/32 scram-sha-256`'),
  );
  await appendFile(hba, 'host replication app 127.0.0.1/32 scram-sha-256\n');
  await postgres.query('SELECT pg_reload_conf()');
  await expect
    .poll(async () => await openReplication(url('right'), { signal }).catch((e: unknown) => e))
    .toSatisfy((error) => isMissingRight(error, '`ALTER ROLE "app" REPLICATION;`'));
  await postgres.query('ALTER ROLE app REPLICATION');
  await using connection = await openReplication(url('right'), { signal });
  const [row] = await connection.rows('IDENTIFY_SYSTEM');
  expect(row?.[1]).toBe('1');

  await expect(openReplication(url('right'), { signal })).rejects.toSatisfy((error) =>
    isProblem(error, NO_WAL_SENDER),
  );
  await writeFile(hba, before);
  await postgres.query('SELECT pg_reload_conf()');
});
