/**
 * A new, empty PostgreSQL of our own, for the demo and for tests: a folder of its own, reached over a
 * Unix socket as superuser `postgres` without a password. Ready means that a connection was accepted.
 * It lives no longer than the process that made it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { appendFile, chmod, chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';
import type { Programs } from '../postgres/programs.ts';
import { type ProgramUser, runProgramWell } from '../subprocess/run.ts';
import { CLUSTER_NOT_STARTED } from './problems.ts';

export interface FreshClusterOptions {
  /** An existing folder that `user` can enter; the cluster makes folders inside it. */
  readonly home: string;
  readonly programs: Programs;
  /** Undefined: as ourselves. */
  readonly user: ProgramUser | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Added to `postgresql.conf`; what is given here wins. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly initdbArguments?: readonly string[];
  /** Takes this data directory (a copy of another cluster) instead of making a new one. */
  readonly dataDirectory?: string;
  /** Only matters where the settings make it listen on TCP too. Default 5432. */
  readonly port?: number;
}

export interface FreshCluster extends AsyncDisposable {
  url(database?: string): string;
  readonly port: number;
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** `fast`: as an operator stops it. `immediate`: as a power cut would. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
}

/** The port is only part of the socket's file name; each cluster has a folder of its own. */
const PORT = 5432;
const INITDB_MS = 60_000;
const START_MS = 60_000;
const STOP_MS = 30_000;
/** The condition is an accepted connection; this only spaces the attempts. */
const ATTEMPT_MS = 25;

const INITDB = '-U postgres -A trust -N -E UTF8 --locale C --data-checksums'.split(' ');

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  wal_level: 'replica',
  max_slot_wal_keep_size: '1GB',
  max_wal_senders: '10',
  max_replication_slots: '10',
  shared_buffers: '16MB',
  max_wal_size: '256MB',
  log_min_messages: 'warning',
};

export async function startFreshCluster(options: FreshClusterOptions): Promise<FreshCluster> {
  const cluster = new Cluster(options);
  try {
    await cluster.prepare();
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

class Cluster implements FreshCluster {
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly port: number;
  readonly #options: FreshClusterOptions;
  #process: ChildProcess | undefined;

  constructor(options: FreshClusterOptions) {
    this.#options = options;
    this.port = options.port ?? PORT;
    this.socketDirectory = join(options.home, 's');
    this.dataDirectory = options.dataDirectory ?? join(options.home, 'data');
    this.logFile = join(options.home, 'postgres.log');
  }

  url(database = 'postgres'): string {
    const host = encodeURIComponent(this.socketDirectory);
    return `postgres://postgres@/${database}?host=${host}&port=${this.port}`;
  }

  async prepare(): Promise<void> {
    const { home, user, signal, initdbArguments = [], dataDirectory } = this.#options;
    await mkdir(this.socketDirectory);
    if (user !== undefined) await chown(this.socketDirectory, user.uid, user.gid);
    if (dataDirectory !== undefined) return;
    await mkdir(this.dataDirectory);
    await chmod(this.dataDirectory, 0o700);
    if (user !== undefined) await chown(this.dataDirectory, user.uid, user.gid);
    await runProgramWell(
      this.#program('initdb'),
      [...INITDB, '-D', this.dataDirectory, ...initdbArguments],
      { signal, deadlineMs: INITDB_MS, cwd: home, environment: ENVIRONMENT, user },
    );
    const lines = Object.entries({ ...SETTINGS, ...this.#options.settings }).map(
      ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
    );
    await appendFile(join(this.dataDirectory, 'postgresql.conf'), lines.join(''));
  }

  async start(): Promise<void> {
    const { home, user } = this.#options;
    const log = openSync(this.logFile, 'a', 0o600);
    const child = spawn(
      this.#program('postgres'),
      ['-D', this.dataDirectory, '-k', this.socketDirectory, '-p', String(this.port)],
      {
        cwd: home,
        env: ENVIRONMENT,
        stdio: ['ignore', log, log],
        // Ctrl-C at a terminal must not reach it before its maker has said goodbye.
        detached: true,
        ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      },
    );
    closeSync(log);
    this.#process = child;
    await this.#untilReady(child);
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { clock, signal } = this.#options;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(START_MS)]);
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        const told = (await readFile(this.logFile, 'utf8')).trim().slice(-2000);
        throw new Problem(
          CLUSTER_NOT_STARTED,
          `Cannot start PostgreSQL: it ended at once: ${told}`,
        );
      }
      try {
        await using session = await connect(this.url(), { signal: limit });
        await session.query('SELECT 1');
        return;
      } catch (error) {
        if (limit.aborted) throw error;
      }
      await clock.sleep(ATTEMPT_MS, { signal: limit });
    }
  }

  async stop(how: 'fast' | 'immediate'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const late = AbortSignal.timeout(STOP_MS);
    late.addEventListener('abort', () => child.kill('SIGKILL'));
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  #program(name: string): string {
    const path = this.#options.programs.path(name);
    if (path === undefined)
      throw new TypeError(`There is no "${name}" in ${this.#options.programs.directory}`);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate');
  }
}

/** All that PostgreSQL needs; nothing of ours leaks into it. */
const ENVIRONMENT: Record<string, string> = { LC_ALL: 'C', PATH: '/usr/bin:/bin' };
