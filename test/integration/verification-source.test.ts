/** Tests of what production says of itself, while people are writing to it. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
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
  const asked = { url: postgres.url(), databases: ['postgres'], tables: 10 };
  return readSource({ ...asked, connect, clock, signal });
}

test('counts after the mark only when what was being committed at the mark has come out', async () => {
  await using writer = await connect(postgres.url(), { signal });
  await writer.query('BEGIN');
  await writer.query('INSERT INTO orders VALUES (1001)');
  const asking = askProduction();

  // It has written its mark and waits for the open transaction.
  await waitUntil(async () => {
    const waiting = await postgres.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE application_name = 'dbdr verify' AND query LIKE '%pg_snapshot_xmin%'`,
    );
    return waiting.length > 0;
  });
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

  const [table] = await source.widen();

  expect(source.tables[0]?.deletedMeanwhile).toBe(0);
  expect(table?.insertedMeanwhile).toBeGreaterThanOrEqual(5);
  expect(table?.deletedMeanwhile).toBe(5);
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
