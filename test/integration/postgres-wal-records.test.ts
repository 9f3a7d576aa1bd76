/** Our reader of the log against PostgreSQL's own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import {
  readTransactionEnds,
  type TransactionEnd,
  WalRecordReader,
} from '../../src/postgres/wal-records.ts';
import { runProgram } from '../../src/subprocess/run.ts';
import { programsOfMajor } from '../support/majors.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const SEGMENT_BYTES = 1024 * 1024;

test('finds the commits and aborts that pg_waldump finds, with their times', async (context) => {
  await using postgres = await startPostgres({
    initdbArguments: ['--wal-segsize=1'],
    settings: { max_prepared_transactions: '5' },
  });
  const waldump = postgres.programs.path('pg_waldump');
  if (waldump === undefined) {
    context.skip('the embedded PostgreSQL has no pg_waldump to compare with');
    return;
  }
  await writeLog(postgres);
  const names = await segmentNames(postgres);
  const [first] = names;
  if (first === undefined) throw new Error('There is no log');

  const ours: TransactionEnd[] = [];
  const { beginLsn } = segmentPlace(first, SEGMENT_BYTES);
  const reader = new WalRecordReader({ beginLsn, segmentBytes: SEGMENT_BYTES }, (end) =>
    ours.push(end),
  );
  for (const name of names) {
    const bytes = await readFile(join(postgres.dataDirectory, 'pg_wal', name));
    for (let at = 0; at < bytes.length; at += 99_991) reader.feed(bytes.subarray(at, at + 99_991));
  }

  const theirs = await dumped(postgres, waldump, [first, names.at(-1) ?? first]);
  expect(theirs.length).toBeGreaterThan(400);
  expect(ours.map(describe)).toEqual(theirs);
});

test('finds the number of a prepared transaction that dropped a table, as PostgreSQL 18 notes it', async (context) => {
  const programsDirectory = programsOfMajor(18);
  if (programsDirectory === undefined) {
    context.skip('PostgreSQL 18 is not installed');
    return;
  }
  await using postgres = await startPostgres({
    programsDirectory,
    initdbArguments: ['--wal-segsize=1'],
    settings: { max_prepared_transactions: '5' },
  });
  await postgres.query('CREATE TABLE gone (id serial PRIMARY KEY); CREATE TABLE kept (id int)');
  const numbers: number[] = [];
  for (const [table, end] of [
    ['gone', 'COMMIT'],
    ['kept', 'ROLLBACK'],
  ]) {
    await postgres.query('SELECT pg_switch_wal()');
    await postgres.query(`BEGIN; DROP TABLE ${table}; CREATE TABLE made (id int);
      CREATE TABLE noted AS SELECT pg_current_xact_id()::text AS id; PREPARE TRANSACTION 'it'`);
    const [row] = await postgres.query('SELECT transaction::text AS xid FROM pg_prepared_xacts');
    numbers.push(Number(row?.['xid']));
    await postgres.query(`${end} PREPARED 'it'`);
    await postgres.query('DROP TABLE IF EXISTS made, noted');
  }

  const ends = await readAll(postgres);

  expect(ends.find(({ xid }) => xid === numbers[0])?.kind).toBe('commit');
  expect(ends.find(({ xid }) => xid === numbers[1])?.kind).toBe('abort');
  expect(ends.filter(({ xid }) => xid === undefined || xid === 0)).toEqual([]);
});

async function readAll(postgres: TestPostgres): Promise<readonly TransactionEnd[]> {
  const ends: TransactionEnd[] = [];
  for (const name of await segmentNames(postgres)) {
    const { beginLsn } = segmentPlace(name, SEGMENT_BYTES);
    const place = { beginLsn, segmentBytes: SEGMENT_BYTES };
    const reader = new WalRecordReader(place, (end) => ends.push(end));
    reader.feed(await readFile(join(postgres.dataDirectory, 'pg_wal', name)));
  }
  return ends;
}

test('gives as end the position where the next record begins', async () => {
  await using postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query('CREATE TABLE load (i int, text text)');
  await postgres.query('SELECT pg_switch_wal()');
  await postgres.query('INSERT INTO load VALUES (1)');
  const [row] = await postgres.query(
    'SELECT pg_current_wal_insert_lsn()::text AS lsn, pg_walfile_name(pg_current_wal_lsn()) AS name',
  );
  const name = String(row?.['name']);
  if (!isSegmentName(name)) throw new TypeError(name);
  const ends: TransactionEnd[] = [];
  const { beginLsn } = segmentPlace(name, SEGMENT_BYTES);
  const reader = new WalRecordReader({ beginLsn, segmentBytes: SEGMENT_BYTES }, (end) =>
    ends.push(end),
  );

  reader.feed(await readFile(join(postgres.dataDirectory, 'pg_wal', name)));

  expect(ends.at(-1)?.endLsn).toBe(toLsn(String(row?.['lsn'])));
});

test('tells of log that is cut anywhere what ends before the cut, and nothing that does not', async () => {
  await using postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query('CREATE TABLE load (i int, text text)');
  await postgres.query('SELECT pg_switch_wal()');
  await postgres.query(`DO $$ BEGIN FOR i IN 1..300 LOOP
      INSERT INTO load VALUES (i, repeat('x', i * 37 % 900)); COMMIT;
    END LOOP; END $$`);
  const name = (await segmentNames(postgres)).at(-1);
  if (name === undefined) throw new Error('There is log');
  const { beginLsn } = segmentPlace(name, SEGMENT_BYTES);
  const bytes = await readFile(join(postgres.dataDirectory, 'pg_wal', name));
  function endsBefore(cut: number): readonly TransactionEnd[] {
    return readTransactionEnds(bytes.subarray(0, cut), { beginLsn, segmentBytes: SEGMENT_BYTES });
  }
  function placeOf(lsn: Lsn): number {
    return Number(lsnBytes(lsn) - lsnBytes(beginLsn));
  }
  const all = endsBefore(bytes.length);
  expect(all.length).toBeGreaterThan(250);
  const used = placeOf(all.at(-1)?.endLsn ?? beginLsn) + 100;

  fc.assert(
    fc.property(fc.integer({ min: 0, max: used }), (cut) => {
      const told = endsBefore(cut);
      const whole = all.filter(({ endLsn }) => placeOf(endLsn) <= cut);
      // What follows a record to the next multiple of eight belongs to nobody.
      const most = all.filter(({ endLsn }) => placeOf(endLsn) < cut + 8);
      expect(told).toEqual(all.slice(0, told.length));
      expect(told.length).toBeGreaterThanOrEqual(whole.length);
      expect(told.length).toBeLessThanOrEqual(most.length);
    }),
    { numRuns: 400 },
  );
});

async function writeLog(postgres: TestPostgres): Promise<void> {
  await postgres.query('CREATE TABLE load (i int, text text)');
  for (let i = 0; i < 150; i++) {
    await postgres.query('INSERT INTO load SELECT 1, repeat(md5($1::text), 200)', [i]);
    await postgres.query(`DO $$ BEGIN INSERT INTO load VALUES (2); ROLLBACK; END $$`);
    await postgres.query(`DO $$ BEGIN
      BEGIN INSERT INTO load VALUES (3); EXCEPTION WHEN others THEN NULL; END;
    END $$`);
  }
  await postgres.query('CREATE TABLE short AS SELECT generate_series(1, 20000) AS i');
  await postgres.query('DROP TABLE short');
  await postgres.query('SELECT pg_switch_wal()');
  await postgres.query(`BEGIN; INSERT INTO load VALUES (4); PREPARE TRANSACTION 'kept'`);
  await postgres.query(`COMMIT PREPARED 'kept'`);
  await postgres.query('CREATE TABLE dropped (id serial PRIMARY KEY)');
  await postgres.query(`BEGIN; DROP TABLE dropped; PREPARE TRANSACTION 'dropped'`);
  await postgres.query(`COMMIT PREPARED 'dropped'`);
  await postgres.query(`BEGIN; CREATE TABLE gone (i int); PREPARE TRANSACTION 'gone'`);
  await postgres.query(`ROLLBACK PREPARED 'gone'`);
}

async function segmentNames(postgres: TestPostgres): Promise<readonly SegmentName[]> {
  const rows = await postgres.query(
    `SELECT name FROM pg_ls_waldir()
      WHERE length(name) = 24 AND name <= pg_walfile_name(pg_current_wal_lsn()) ORDER BY name`,
  );
  return rows.map((row) => String(row['name'])).filter((name) => isSegmentName(name));
}

function describe({ kind, lsn, xid, at }: TransactionEnd): string {
  const [high = '', low = ''] = lsn.split('/');
  const micro = at.toString({ fractionalSecondDigits: 6 }).replace('T', ' ').replace('Z', ' UTC');
  return `${high}/${low.padStart(8, '0')} ${kind} ${xid ?? 'unknown'} ${micro}`;
}

/** Lines of pg_waldump in our words; a prepared transaction is named in the description. */
async function dumped(
  postgres: TestPostgres,
  waldump: string,
  segments: readonly string[],
): Promise<readonly string[]> {
  const { stdout } = await runProgram(
    waldump,
    ['-r', 'Transaction', '-p', join(postgres.dataDirectory, 'pg_wal'), ...segments],
    {
      signal: new AbortController().signal,
      deadlineMs: 60_000,
      cwd: '/',
      environment: { LC_ALL: 'C', TZ: 'UTC' },
    },
  );
  const lines: string[] = [];
  for (const line of stdout.split('\n')) {
    const parts = LINE.exec(line);
    if (parts === null) continue;
    const [, own = '', lsn = '', kind = '', prepared, time = ''] = parts;
    lines.push(`${lsn} ${kind.toLowerCase()} ${prepared ?? own} ${time}`);
  }
  return lines;
}

const LINE =
  /tx:\s+(\d+), lsn: (\S+), .* desc: (COMMIT|ABORT)(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d [\d:.]+ UTC)/;
