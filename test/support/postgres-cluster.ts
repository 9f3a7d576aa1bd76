/**
 * A real PostgreSQL for tests: a fresh cluster in a folder of its own, reached over a Unix socket as
 * superuser `postgres` without a password. Takes the programs of this machine, else the embedded
 * ones. Ready means that a connection was accepted. Disposing stops it and removes its folder.
 */
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { type FreshCluster, startFreshCluster } from '../../src/clusters/fresh-cluster.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { findPrograms, type Programs } from '../../src/postgres/programs.ts';
import type { ProgramUser } from '../../src/subprocess/run.ts';
import { resolveUser } from '../../src/subprocess/user.ts';

export interface StartPostgresOptions {
  /** Added to `postgresql.conf`; what is given here wins. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where its programs are; default: found as the bot finds them. */
  readonly programsDirectory?: string;
  /** Further arguments for `initdb`, such as `--wal-segsize=1`. */
  readonly initdbArguments?: readonly string[];
  /** Takes this data directory (a copy of another cluster) instead of making a new one. */
  readonly dataDirectory?: string;
  /** Only matters where it listens on TCP too. Default 5432. */
  readonly port?: number;
}

export interface TestPostgres extends AsyncDisposable {
  /** As superuser over the socket. Default database: `postgres`. */
  url(database?: string): string;
  readonly socketDirectory: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Where the server writes its log. */
  readonly logFile: string;
  readonly superuser: 'postgres';
  readonly programs: Programs;
  /** The user of this machine that it runs as; undefined: ourselves. */
  readonly user: ProgramUser | undefined;
  /** Makes a folder that the server may write in, gone with it; answers its path. */
  makeFolder(name: string): Promise<string>;
  /** Runs SQL as superuser; answers the rows. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Fast shutdown. */
  stop(): Promise<void>;
  /** As a power cut would. */
  kill(): Promise<void>;
  /** Starts it again after `stop()` or `kill()`. */
  start(): Promise<void>;
}

/** Tests care for speed, not for what a power cut leaves. */
const SETTINGS: Readonly<Record<string, string>> = { fsync: 'off', full_page_writes: 'on' };
const FIND_MS = 60_000;

export async function startPostgres(options: StartPostgresOptions = {}): Promise<TestPostgres> {
  const signal = AbortSignal.timeout(FIND_MS);
  const user = await resolveUser('postgres', { signal });
  const programs = await findPrograms({
    signal,
    user,
    environment:
      options.programsDirectory === undefined
        ? process.env
        : { DBDR_PG_BINDIR: options.programsDirectory },
  });
  const home = await mkdtemp(join(tmpdir(), 'dbdr-pg-'));
  if (user !== undefined) await chown(home, user.uid, user.gid);
  try {
    const cluster = await startFreshCluster({
      ...options,
      settings: { ...SETTINGS, ...options.settings },
      home,
      programs,
      user,
      clock: systemClock,
      // A test may start it again long after this function has returned.
      signal: new AbortController().signal,
    });
    return testPostgres(cluster, { home, programs, user });
  } catch (error) {
    await removeHome(home);
    throw error;
  }
}

function testPostgres(
  cluster: FreshCluster,
  { home, programs, user }: Pick<TestPostgres, 'programs' | 'user'> & { readonly home: string },
): TestPostgres {
  const { port, socketDirectory, dataDirectory, logFile } = cluster;
  return {
    port,
    socketDirectory,
    dataDirectory,
    logFile,
    programs,
    user,
    superuser: 'postgres',
    url: (database) => cluster.url(database),
    async makeFolder(name) {
      const path = join(home, name);
      await mkdir(path);
      if (user !== undefined) await chown(path, user.uid, user.gid);
      return path;
    },
    query: async (sql, values = []) => {
      const where = { host: socketDirectory, port, user: 'postgres', database: 'postgres' };
      const client = new pg.Client(where);
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    stop: async () => cluster.stop('fast'),
    kill: async () => cluster.stop('immediate'),
    start: async () => cluster.start(),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await removeHome(home);
    },
  };
}

async function removeHome(home: string): Promise<void> {
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}
