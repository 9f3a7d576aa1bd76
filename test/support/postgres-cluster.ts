/**
 * A real PostgreSQL for tests: a fresh cluster in a folder of its own, reached over a Unix socket as
 * superuser `postgres` without a password. Takes the programs of this machine, else the embedded
 * ones. Ready means that a connection was accepted. Disposing stops it and removes its folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { appendFile, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import pg from 'pg';

import { findPrograms, type Programs } from '../../src/postgres/programs.ts';
import { type ProgramUser, runProgramWell } from '../../src/subprocess/run.ts';
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
  /** Runs SQL as superuser; answers the rows. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Fast shutdown. */
  stop(): Promise<void>;
  /** As a power cut would. */
  kill(): Promise<void>;
  /** Starts it again after `stop()` or `kill()`. */
  start(): Promise<void>;
}

/** The port is only part of the socket's file name; each cluster has a folder of its own. */
const PORT = 5432;
const START_MS = 60_000;
const STOP_MS = 30_000;

const INITDB = '-U postgres -A trust -N -E UTF8 --locale C --data-checksums'.split(' ');

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  wal_level: 'replica',
  max_slot_wal_keep_size: '1GB',
  max_wal_senders: '10',
  max_replication_slots: '10',
  fsync: 'off',
  full_page_writes: 'on',
  shared_buffers: '16MB',
  max_wal_size: '256MB',
  log_min_messages: 'warning',
};

export async function startPostgres(options: StartPostgresOptions = {}): Promise<TestPostgres> {
  const signal = AbortSignal.timeout(START_MS);
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
  const socketDirectory = join(home, 's');
  const dataDirectory = options.dataDirectory ?? join(home, 'data');
  await mkdir(socketDirectory);
  for (const folder of [home, socketDirectory])
    if (user !== undefined) await chown(folder, user.uid, user.gid);
  const port = options.port ?? PORT;
  const place = { port, home, socketDirectory, dataDirectory, user, programs };
  if (options.dataDirectory === undefined) await initialise(place, options, signal);
  const cluster = new Cluster(place);
  try {
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

interface Place {
  readonly port: number;
  readonly home: string;
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  readonly user: ProgramUser | undefined;
  readonly programs: Programs;
}

async function initialise(
  place: Place,
  options: StartPostgresOptions,
  signal: AbortSignal,
): Promise<void> {
  await runProgramWell(
    programPath(place, 'initdb'),
    [...INITDB, '-D', place.dataDirectory, ...(options.initdbArguments ?? [])],
    {
      signal,
      deadlineMs: START_MS,
      cwd: place.home,
      environment: environment(),
      user: place.user,
    },
  );
  const settings = { ...SETTINGS, port: String(place.port), ...options.settings };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  await appendFile(join(place.dataDirectory, 'postgresql.conf'), lines.join(''));
}

function environment(): Record<string, string> {
  return { LC_ALL: 'C', PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
}

function programPath(place: Place, name: string): string {
  const path = place.programs.path(name);
  if (path === undefined) throw new Error(`There is no "${name}" in ${place.programs.directory}`);
  return path;
}

class Cluster implements TestPostgres {
  readonly superuser = 'postgres';
  readonly port: number;
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly programs: Programs;
  readonly user: ProgramUser | undefined;
  readonly #place: Place;
  #process: ChildProcess | undefined;

  constructor(place: Place) {
    this.#place = place;
    this.port = place.port;
    this.socketDirectory = place.socketDirectory;
    this.dataDirectory = place.dataDirectory;
    this.logFile = join(place.home, 'log');
    this.programs = place.programs;
    this.user = place.user;
  }

  url(database = 'postgres'): string {
    const host = encodeURIComponent(this.socketDirectory);
    return `postgres://postgres@/${database}?host=${host}&port=${this.port}`;
  }

  async query(sql: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      host: this.socketDirectory,
      port: this.port,
      user: 'postgres',
      database: 'postgres',
    });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql, [...values]);
      return rows;
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    const { user } = this.#place;
    const child = spawn(
      programPath(this.#place, 'postgres'),
      ['-D', this.dataDirectory, '-k', this.socketDirectory],
      {
        cwd: this.#place.home,
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      },
    );
    const log = createWriteStream(this.logFile, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#process = child;
    await this.#untilReady(child);
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (child.exitCode !== null)
        throw new Error(`PostgreSQL ended at once:\n${await readFile(this.logFile, 'utf8')}`);
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      // The condition is the accepted connection; this only spaces the attempts.
      await delay(25);
    }
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGQUIT');
  }

  async #end(signalName: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signalName);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGQUIT');
    await rm(this.#place.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
