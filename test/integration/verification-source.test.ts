/** Tests of what production says of itself, while people are writing to it. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import type { SourceTable } from '../../src/verification/compare.ts';
import type { ContentBudget } from '../../src/verification/content.ts';
import { openReader, READ_ONLY, readDatabase } from '../../src/verification/read-databases.ts';
import { readSource, type Source } from '../../src/verification/source.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
const BUDGET: ContentBudget = {
  tables: 10,
  hash: 'none',
  seconds: 60,
  lockSeconds: 1,
  parallel: 1,
  readFrom: undefined,
};
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query('CREATE TABLE orders AS SELECT n FROM generate_series(1, 1000) AS n');
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function askProduction(clock: Clock = systemClock): Promise<Source> {
  const asked = { url: postgres.url(), databases: ['postgres'], budget: BUDGET };
  return readSource({ ...asked, connect, clock, signal });
}

/** What readSource() says of production when `meanwhile` is done between its two counts. */
async function askWhile(meanwhile: () => Promise<void>): Promise<Source> {
  await using writer = await connect(postgres.url(), { signal });
  await writer.query('BEGIN');
  await writer.query('SELECT pg_current_xact_id()');
  const asking = askProduction();
  await waitUntilSettling();
  await meanwhile();
  await writer.query('COMMIT');
  return await asking;
}

/** It has written its mark and waits for an open transaction. */
async function waitUntilSettling(): Promise<void> {
  await waitUntil(async () => {
    const waiting = await postgres.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE application_name = 'dbdr verify' AND query LIKE '%pg_snapshot_xmin%'`,
    );
    return waiting.length > 0;
  });
}

function tableOf({ tables }: Pick<Source, 'tables'>, name: string): SourceTable | undefined {
  return tables.find(({ table }) => table === name);
}

test('counts after the mark only when what was being committed at the mark has come out', async () => {
  await using writer = await connect(postgres.url(), { signal });
  await writer.query('BEGIN');
  await writer.query('INSERT INTO orders VALUES (1001)');
  const asking = askProduction();

  await waitUntilSettling();
  await writer.query('COMMIT');

  const { tables } = await asking;
  expect(tables).toMatchObject([{ table: 'orders', before: 1000, after: 1001 }]);
});

test('widen() counts what the statistics had not told yet', async () => {
  const hasty: Clock = { ...systemClock, sleep: async () => undefined };
  const source = await askProduction(hasty);
  {
    await using writer = await connect(postgres.url(), { signal });
    await writer.query('INSERT INTO orders SELECT n FROM generate_series(2001, 2005) AS n');
    await writer.query('DELETE FROM orders WHERE n BETWEEN 2001 AND 2005');
  }
  // A backend tells everything when it ends.
  await waitUntil(async () => {
    const [row] = await postgres.query(
      `SELECT n_tup_del >= 5 AS told FROM pg_stat_user_tables WHERE relname = 'orders'`,
    );
    return row?.['told'] === true;
  });

  const [table] = await source.widen({ signal });

  expect(source.tables[0]?.deletedMeanwhile).toBe(0);
  expect(table?.insertedMeanwhile).toBeGreaterThanOrEqual(5);
  expect(table?.deletedMeanwhile).toBe(5);
});

test('names large objects and databases that are not proved', async () => {
  await postgres.query(`SELECT lo_from_bytea(0, 'a'), lo_from_bytea(0, 'b')`);
  await postgres.query('CREATE DATABASE crm');
  await postgres.query('CREATE DATABASE pattern IS_TEMPLATE true');

  const { leftOut } = await askProduction();
  await postgres.query('DROP DATABASE crm');

  expect(leftOut).toEqual(['2 large objects', 'database crm']);
});

test('sets no bounds where a table was emptied and filled again meanwhile', async () => {
  await postgres.query('CREATE TABLE reloaded AS SELECT n FROM generate_series(1, 50) AS n');

  const source = await askWhile(async () => {
    await postgres.query('TRUNCATE reloaded');
    await postgres.query('INSERT INTO reloaded SELECT n FROM generate_series(1, 40) AS n');
  });
  await postgres.query('DROP TABLE reloaded');

  expect(tableOf(source, 'reloaded')).toMatchObject({ before: 50, after: null });
  expect(tableOf(source, 'orders')?.after).toBeGreaterThan(0);
});

test('sets no bounds where the statistics were set back meanwhile', async () => {
  const source = await askWhile(async () => {
    await postgres.query('SELECT pg_stat_reset()');
  });

  expect(tableOf(source, 'orders')).toMatchObject({ after: null });
});

test('counts no table that is locked for longer than is waited, and none whose rows are hidden', async () => {
  await postgres.query('CREATE ROLE reader LOGIN IN ROLE pg_read_all_data');
  await postgres.query('CREATE TABLE hidden AS SELECT 1 AS n');
  await postgres.query('ALTER TABLE hidden ENABLE ROW LEVEL SECURITY');
  await postgres.query('CREATE TABLE held AS SELECT 1 AS n');
  await using writer = await connect(postgres.url(), { signal });
  await writer.query('BEGIN');
  await writer.query('LOCK TABLE held');
  const url = postgres.url().replace('postgres@', 'reader@');
  const asked = { url, databases: ['postgres'], budget: { ...BUDGET, lockSeconds: 0.2 } };

  let skippedMs = 0;
  // The lock's transaction does not end: nobody waits ten seconds for it here.
  const hasty: Clock = {
    ...systemClock,
    elapsedMs: () => systemClock.elapsedMs() + skippedMs,
    sleep: async () => {
      skippedMs += 5000;
    },
  };

  const source = await readSource({ ...asked, connect, clock: hasty, signal });
  await writer.query('ROLLBACK');
  await postgres.query('DROP TABLE hidden, held');

  expect(tableOf(source, 'held')).toMatchObject({ before: null, after: null });
  expect(tableOf(source, 'hidden')).toMatchObject({ before: null, after: null });
  expect(tableOf(source, 'orders')?.before).toBeGreaterThan(0);
});

test('readDatabase() leaves the catalogue the time that the tables have left', async () => {
  const budget: ContentBudget = { ...BUDGET, seconds: 600 };
  const place = { url: postgres.url(), database: 'postgres', budget, signal };
  const means = { connect, clock: systemClock };
  await using leader = await openReader(means, place);
  const limits: number[] = [];
  async function alsoRead(session: Session): Promise<void> {
    const [row] = await session.query<{ ms: number }>(
      `SELECT setting::int AS ms FROM pg_settings WHERE name = 'statement_timeout'`,
    );
    limits.push(row?.ms ?? 0);
  }
  const at = systemClock.now();
  const deadlineMs = systemClock.elapsedMs() + 20_000;
  const content = { ...place, leader, begin: READ_ONLY, lsn: toLsn('0/0'), at, deadlineMs };

  await leader.transaction(READ_ONLY, async () => readDatabase(means, { ...content, alsoRead }));

  expect(limits).toHaveLength(1);
  expect(limits[0]).toBeLessThanOrEqual(20_000);
});
