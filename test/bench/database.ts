/**
 * The database that is copied: half of it `pgbench`'s own table with its filler, a quarter text, a quarter
 * JSON; together they compress about 7:1. Made from one seed, so that it is the same every time. Its rows
 * repeat only at distances that no compressor here looks back.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const run = promisify(execFile);
/** What `pgbench -i` makes for one unit of scale. */
const BYTES_PER_SCALE = 15_000_000;
const SETTINGS = {
  shared_buffers: '128MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  archive_mode: 'off',
};
const SEED_ROWS = 40_000;
/** A word of some shop's language; `i` is a column of the innermost query: each row gets another. */
const WORD = 'substr(md5((floor(random() * 1000) + 0 * i)::text), 1, 3 + i % 7)';

export interface BenchDatabase extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly postmaster: number;
  readonly bytes: number;
  /** First file of the table that is restored alone, below the data directory. */
  readonly tableFile: string;
}

export async function makeDatabase(gigabytes: number): Promise<BenchDatabase> {
  const postgres = await startPostgres({ settings: SETTINGS });
  try {
    const quarter = (gigabytes * 1e9) / 4;
    await fillPgbench(postgres, Math.max(1, Math.round((2 * quarter) / BYTES_PER_SCALE)));
    await postgres.query("SELECT setseed(0.4), set_config('synchronous_commit', 'off', false)");
    await fillTable(postgres, 'letters', TEXT_ROW, quarter);
    await fillTable(postgres, 'orders', JSON_ROW, quarter);
    await postgres.query('VACUUM (FREEZE)');
    await postgres.query('CHECKPOINT');
    await postgres.query('SELECT pg_switch_wal()');
    const [row] = await postgres.query(
      `SELECT sum(pg_database_size(oid))::text AS bytes, pg_relation_filepath('orders') AS file
       FROM pg_database`,
    );
    return {
      postgres,
      postmaster: Number.parseInt(await pidFile(postgres), 10),
      bytes: Number(row?.['bytes']),
      tableFile: String(row?.['file']),
      [Symbol.asyncDispose]: async () => postgres[Symbol.asyncDispose](),
    };
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
}

async function pidFile({ dataDirectory }: TestPostgres): Promise<string> {
  return await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8');
}

async function fillPgbench(postgres: TestPostgres, scale: number): Promise<void> {
  const { socketDirectory, port, user } = postgres;
  const place = ['-h', socketDirectory, '-p', String(port), '-U', 'postgres'];
  await run('pgbench', [...place, '-i', '-q', '-s', String(scale), 'postgres'], {
    cwd: '/',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
}

const TEXT_ROW = `
  SELECT n AS id, (SELECT string_agg(${WORD}, ' ')
    FROM generate_series(1, 60 + n % 90) AS numbers(i)) AS body`;
export const JSON_ROW = `
  SELECT n AS id, jsonb_build_object('customer', n % 9000, 'placed', timestamp '2026-01-01' + n * interval '7 s',
    'state', (ARRAY['open', 'paid', 'sent'])[1 + n % 3], 'lines', (
      SELECT jsonb_agg(jsonb_build_object('article', ${WORD}, 'count', 1 + i % 9,
        'cents', (floor(random() * 90000) + 0 * i)::int))
      FROM generate_series(1, 3 + n % 6) AS numbers(i))) AS document`;

/** Distinct rows first, then the same ones again and again, until it is large enough. */
async function fillTable(
  postgres: TestPostgres,
  name: string,
  row: string,
  bytes: number,
): Promise<void> {
  await postgres.query(
    `CREATE UNLOGGED TABLE seed AS ${row} FROM generate_series(1, ${SEED_ROWS}) AS rows(n)`,
  );
  const [made] = await postgres.query("SELECT pg_table_size('seed')::text AS bytes");
  const times = Math.max(1, Math.round(bytes / Number(made?.['bytes'])));
  const columns = name === 'orders' ? 'document' : 'body';
  // A loop, because a join may well put the copies of one row side by side.
  await postgres.query(
    `CREATE TABLE ${name} AS SELECT * FROM seed LIMIT 0;
     DO $$ BEGIN FOR again IN 0 .. ${times - 1} LOOP
       INSERT INTO ${name} SELECT id + again * ${SEED_ROWS}, ${columns} FROM seed;
     END LOOP; END $$;
     DROP TABLE seed`,
  );
  await postgres.query(`CREATE INDEX ON ${name} (id)`);
}
