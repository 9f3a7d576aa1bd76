/**
 * The server whose log is received, and what writes that log: `pgbench`, and one loader that writes as
 * fast as it goes. Unlike a test's, its commits are on disk before they are answered.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { JSON_ROW } from './database.ts';

const run = promisify(execFile);
const SCALE = 10;
const SEED_ROWS = 40_000;
const SETTINGS = {
  fsync: 'on',
  shared_buffers: '256MB',
  // A checkpoint comes when a trial asks for one: whoever is measured after it would write more log.
  max_wal_size: '32GB',
  checkpoint_timeout: '1h',
  max_slot_wal_keep_size: '64GB',
  autovacuum: 'off',
  // So that pgBackRest's turn needs no restart. What is archived meanwhile is nothing.
  archive_mode: 'on',
  archive_command: '/bin/true',
};

export interface Load {
  readonly seconds: number;
  readonly bytes: number;
  /** Where the log ends; everything before it is on the server's disk. */
  readonly endLsn: Lsn;
}

export interface WalServer extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly postmaster: number;
  /** Answers the transactions per second, too. */
  pgbench(seconds: number): Promise<Load & { readonly tps: number }>;
  /** One backend writes that much log and more, as fast as it can. */
  bulk(megabytes: number): Promise<Load>;
  /** Ends the segment: those who store only whole ones have everything then. */
  endSegment(): Promise<Lsn>;
  checkpoint(): Promise<void>;
}

/** @throws Error when the server does not start */
export async function startWalServer(): Promise<WalServer> {
  const postgres = await startPostgres({ settings: SETTINGS });
  try {
    await pgbench(postgres, ['-i', '-q', '-s', String(SCALE)]);
    await postgres.query(
      `SELECT setseed(0.4);
       CREATE UNLOGGED TABLE seed AS ${JSON_ROW} FROM generate_series(1, ${SEED_ROWS}) AS rows(n);
       CREATE TABLE bulk AS SELECT * FROM seed LIMIT 0`,
    );
    // Whoever is measured first would have to write these pages whole.
    await pgbench(postgres, ['-c', '8', '-j', '2', '-T', '2']);
    const pid = await readFile(join(postgres.dataDirectory, 'postmaster.pid'), 'utf8');
    return walServer(postgres, Number.parseInt(pid, 10));
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
}

function walServer(postgres: TestPostgres, postmaster: number): WalServer {
  async function loaded(work: () => Promise<void>): Promise<Load> {
    const begin = await flushed(postgres);
    const beganMs = performance.now();
    await work();
    const seconds = (performance.now() - beganMs) / 1000;
    const endLsn = await flushed(postgres);
    return { seconds, bytes: Number(lsnBytes(endLsn) - lsnBytes(begin)), endLsn };
  }
  return {
    postgres,
    postmaster,
    async pgbench(seconds) {
      let words = '';
      const load = await loaded(async () => {
        words = await pgbench(postgres, ['-c', '8', '-j', '2', '-T', String(seconds)]);
      });
      const [, tps = 'NaN'] = /tps = ([\d.]+)/.exec(words) ?? [];
      return { ...load, tps: Number(tps) };
    },
    bulk: async (megabytes) =>
      loaded(async () => {
        await postgres.query(
          `DO $$ DECLARE begun pg_lsn := pg_current_wal_insert_lsn(); BEGIN
             WHILE pg_current_wal_insert_lsn() - begun < ${megabytes} * 1000000.0 LOOP
               INSERT INTO bulk SELECT * FROM seed;
               COMMIT;
             END LOOP;
           END $$`,
        );
      }),
    async endSegment() {
      await postgres.query('TRUNCATE bulk');
      const [row] = await postgres.query('SELECT pg_switch_wal()::text AS lsn');
      return toLsn(String(row?.['lsn']));
    },
    async checkpoint() {
      await postgres.query('CHECKPOINT');
    },
    [Symbol.asyncDispose]: async () => postgres[Symbol.asyncDispose](),
  };
}

async function pgbench(postgres: TestPostgres, args: readonly string[]): Promise<string> {
  const { socketDirectory, port, user } = postgres;
  const place = ['-h', socketDirectory, '-p', String(port), '-U', 'postgres'];
  const { stdout } = await run('pgbench', [...place, '-n', ...args, 'postgres'], {
    cwd: '/',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  return stdout;
}

async function flushed(postgres: TestPostgres): Promise<Lsn> {
  const [row] = await postgres.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}
