/**
 * Proofs in mode bounded: what they show they do show, a table that nobody may read is no table that was
 * compared, and a proof that compared nothing is no PASS.
 */
import { once } from 'node:events';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { isLsn, lsnBytes, lsnFromBytes } from '../../src/kernel/lsn.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { QUERY_FAILED } from '../../src/postgres/problems.ts';
import type { ConnectOptions, Session, SqlValue } from '../../src/postgres/session.ts';
import type { Check } from '../../src/verification/checks.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { damagedBy } from '../support/lost-rows.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { runRecord } from '../support/run-record.ts';

/** Statistics lag by ten seconds at most, and here nobody writes. */
const HASTY: Clock = {
  ...systemClock,
  sleep: async (ms, options) => systemClock.sleep(Math.min(ms, 20), options),
};
let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  // Production itself is to leave its subscription alone, so that whoever calls is the copy.
  server = await startPostgres({ settings: { max_logical_replication_workers: '0' } });
  setting = await proofSetting(server);
  await server.query('CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 5000) i');
  await server.query('CREATE TABLE users AS SELECT i AS id FROM generate_series(1, 1000) i');
  await server.query('CREATE UNLOGGED TABLE cache AS SELECT 1 AS id');
  await server.query(
    `CREATE ROLE blind LOGIN; CREATE ROLE partly LOGIN; GRANT SELECT ON users TO partly;
     CREATE ROLE reader LOGIN IN ROLE pg_read_all_data`,
  );
  await server.query('VACUUM (FREEZE)');
  await setting.backUp();
  // Commits may wait for a standby, which these roles may not see: there is no exact position.
  await server.query(`ALTER SYSTEM SET synchronous_standby_names TO 'nobody'`);
  await server.query('ALTER SYSTEM SET synchronous_commit TO local');
  await server.query('SELECT pg_reload_conf()');
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function as(role: string): VerificationDeps {
  const { servers, recovery, ...deps } = setting.deps;
  const { shop } = servers;
  if (shop === undefined) throw new Error('There is a server');
  const url = server.url().replace('postgres@', `${role}@`);
  return { ...deps, recovery: { ...recovery, clock: HASTY }, servers: { shop: { ...shop, url } } };
}

function check(result: VerifyResult, name: RegExp): Check {
  const found = result.checks.find((one) => name.test(one.check));
  if (found === undefined) throw new Error(`No check ${name} in ${JSON.stringify(result.checks)}`);
  return found;
}

function notGood(result: VerifyResult): readonly Check[] {
  return result.checks.filter(({ verdict }) => verdict !== 'PASS' && verdict !== 'SKIPPED');
}

/** Counts who calls, and answers nobody. */
async function listen(): Promise<AsyncDisposable & { port: number; calls: () => number }> {
  let calls = 0;
  const listener = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('It has no port');
  return {
    port: address.port,
    calls: () => calls,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}

test('a copy with a subscription, and standbys that commits would wait for, calls nobody and waits for nobody', async () => {
  await using listener = await listen();
  const conninfo = `host=127.0.0.1 port=${listener.port} dbname=postgres`;
  await server.query(
    `CREATE SUBSCRIPTION s CONNECTION '${conninfo}' PUBLICATION p WITH (connect = false)`,
  );
  await server.query('ALTER SUBSCRIPTION s ENABLE');
  await setting.backUp();

  const result = await setting.verify();
  await server.query('ALTER SUBSCRIPTION s DISABLE');
  await server.query('ALTER SUBSCRIPTION s SET (slot_name = NONE)');
  await server.query('DROP SUBSCRIPTION s');

  expect(notGood(result)).toEqual([]);
  expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact' });
  // It writes: as a server of its own it would have begun to fetch.
  expect(check(result, /^Opening$/).verdict).toBe('PASS');
  expect(listener.calls()).toBe(0);
});

/** One bit of the log's newest whole segment but one is flipped; answers its name, and how to put it back. */
async function damageSegment(): Promise<{ name: string; putBack: () => Promise<void> }> {
  for (let switches = 0; switches < 3; switches += 1) {
    await server.query('INSERT INTO cache VALUES (2)');
    await server.query(`SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()`);
  }
  await setting.archive();
  const names = await readdir(setting.storeFolder, { recursive: true });
  const segments = names.filter((name) => /wal\/.*[0-9A-F]{24}-/.test(name)).toSorted();
  const name = segments.at(-2) ?? '';
  const path = join(setting.storeFolder, name);
  const bytes = await readFile(path);
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(bytes.readUInt8(bytes.length - 50) ^ 1, bytes.length - 50);
  await writeFile(path, flipped);
  return { name, putBack: async () => writeFile(path, bytes) };
}

test('a proof that meets damaged log fails and names the object, although no restore needs it', async () => {
  const { name, putBack } = await damageSegment();
  await setting.backUp();

  const result = await setting.verify();
  await putBack();

  expect(result).toMatchObject({ verdict: 'FAIL', mode: 'bounded', tornDown: true });
  // On one day of seven it is read with the kept log, too.
  const bad = result.checks.filter(
    ({ check: what, verdict }) => verdict === 'FAIL' && what !== 'Kept log',
  );
  expect(bad.map(({ check: what }) => what)).toEqual(['Stored log']);
  expect(bad[0]?.detail).toContain(name);
  expect(bad[0]?.detail).toMatch(/\(WAL_DAMAGED\)$/);
  // The log's fault, not the copy's.
  const rows = await setting.catalog.backups.list('shop');
  expect(rows.find(({ backupId }) => backupId === result.backupId)?.verdict).toBe('ERROR');
});

type Query = <Row extends object>(
  sql: string,
  ask: () => Promise<readonly Row[]>,
) => Promise<readonly Row[]>;

/** Whoever asks through `recovery.connect` gets what `query` makes of the answer. */
function answering(deps: VerificationDeps, query: Query): VerificationDeps {
  const { recovery } = deps;
  async function open(url: string, options: ConnectOptions): Promise<Session> {
    const session = await recovery.connect(url, options);
    return {
      copyOut: (sql) => session.copyOut(sql),
      copyIn: async (sql, rows) => session.copyIn(sql, rows),
      transaction: async (begin, work) => session.transaction(begin, work),
      [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
      query: async <Row extends object>(sql: string, values?: readonly SqlValue[]) =>
        query<Row>(sql, async () => session.query<Row>(sql, values)),
    };
  }
  return { ...deps, recovery: { ...recovery, connect: open } };
}

/** Counting `orders` in production takes longer than is allowed, and so many proofs before have missed it. */
function tooSlow(proofsBefore: number): VerificationDeps {
  const { backups, walProgress } = setting.deps.catalog;
  const late = { isNewest: true, sourceLsn: '0/300', late: ['postgres.orders'] };
  const runs: NonNullable<VerificationDeps['catalog']['runs']> = {
    list: async () =>
      Promise.resolve(
        Array.from({ length: proofsBefore }, () => runRecord('done', { result: late })),
      ),
  };
  const deps = { ...setting.deps, catalog: { backups, walProgress, runs } };
  return answering(deps, async (sql, ask) => {
    if (/FROM ONLY "public"."orders"/.test(sql))
      throw new Problem(QUERY_FAILED, 'Cannot count', { facts: { sqlState: '57014' } });
    return ask();
  });
}

test('an exact proof of a copy that stands one record early compares nothing, and fails', async () => {
  const deps = answering(setting.deps, async (sql, ask) => {
    const rows = await ask();
    if (!sql.startsWith('SELECT pg_last_wal_replay_lsn()::text AS lsn, pg_last_xact')) return rows;
    return rows.map((row) => ({ ...row, lsn: early(row) }));
  });

  const result = await setting.verify(deps);

  expect(result).toMatchObject({ verdict: 'FAIL', mode: 'exact', tornDown: true });
  expect(check(result, /^Restore$/).verdict).toBe('PASS');
  expect(check(result, /^Log position$/)).toMatchObject({ verdict: 'FAIL' });
  expect(check(result, /^Log position$/).detail).toMatch(/^the copy stands at .*, production was /);
  expect(check(result, /largest tables/)).toMatchObject({ verdict: 'ERROR' });
  expect(result.tables.map(({ outcome }) => outcome)).toEqual(['not compared', 'not compared']);
});

/** Where the record before it ended: a commit takes 34 bytes at least. */
function early(row: object): string {
  const lsn = 'lsn' in row ? String(row.lsn) : '';
  return isLsn(lsn) ? lsnFromBytes(lsnBytes(lsn) - 40n) : lsn;
}

test('a table that the time does not reach is named, and after seven proofs it is no PASS any more', async () => {
  const first = await setting.verify(tooSlow(5));
  const seventh = await setting.verify(tooSlow(6));

  expect(first).toMatchObject({ verdict: 'PASS', mode: 'exact', late: ['postgres.orders'] });
  expect(first.leftOut).toContain('orders: the time allowed for it was over');
  expect(seventh).toMatchObject({ verdict: 'ERROR', mode: 'exact', late: ['postgres.orders'] });
  expect(check(seventh, /largest tables/).detail).toMatch(/^could not be told of postgres\.orders/);
});

describe('verify, mode bounded', () => {
  test('passes where every count lies where production had it, and says what it cannot show', async () => {
    const result = await setting.verify(as('reader'));

    expect(notGood(result)).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'bounded', tornDown: true });
    expect(result.shows).toMatch(/It does not show that contents are equal.*synchronous standby/);
    expect(check(result, /largest tables/).detail).toBe(
      '6,000 rows in 2 tables, 2 equal by count; not compared: unlogged tables: cache',
    );
    expect(check(result, /^Production$/).detail).toContain(', 2 tables counted, ');
  });

  test('fails when the rows of a table are missing in the copy', async () => {
    const [row] = await server.query(`SELECT pg_relation_filepath('users') AS path`);
    const deps = damagedBy(as('reader'), async (directory) =>
      truncate(join(directory, String(row?.['path']))),
    );

    const result = await setting.verify(deps);

    expect(result).toMatchObject({ verdict: 'FAIL', mode: 'bounded' });
    expect(check(result, /largest tables/)).toMatchObject({
      verdict: 'FAIL',
      detail: 'users has 0 rows, production has 1,000',
    });
  });

  test.each([
    { role: 'blind', counted: '0 of 2 tables', words: /^no table could be compared: / },
    { role: 'partly', counted: '1 of 2 tables', words: /^could not be told of orders: / },
  ])('cannot tell what $role may not read', async ({ role, counted, words }) => {
    const result = await setting.verify(as(role));

    expect(result).toMatchObject({ verdict: 'ERROR', mode: 'bounded' });
    const { verdict, detail } = check(result, /largest tables/);
    expect(verdict).toBe('ERROR');
    expect(detail).toMatch(words);
    expect(detail).toMatch(/permission denied for table orders \(`GRANT pg_read_all_data TO …;`/);
    expect(check(result, /^Production$/).detail).toContain(counted);
  });
});
