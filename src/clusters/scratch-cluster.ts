/**
 * Starts a real cluster from a restored data directory that cannot touch the world (see
 * `configuration.ts`). It runs detached, so that an instance outlives the command that restored it;
 * its process id is written down the moment it exists. Nothing here trusts an exit code: `waitReady()`
 * reads what PostgreSQL itself wrote.
 */
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { ProgramUser } from '../subprocess/run.ts';
import { startProgram } from '../subprocess/start.ts';
import { HOST_ACCESS, renderConfiguration } from './configuration.ts';
import { giveTo } from './folders.ts';
import { PLACE_FILES, type ScratchPlace, scratchUrl } from './place.ts';
import { CLUSTER_NO_PROGRAM, CLUSTER_NOT_STARTED } from './problems.ts';
import { isAlive } from './processes.ts';
import type { ReplaySettings } from './replay-settings.ts';
import { destroyScratch, stopScratch } from './teardown.ts';

const READY_POLL_MS = 40;
const LOG_TAIL_BYTES = 64 * 1024;
/** Line of `postmaster.pid` that tells the state (src/include/utils/pidfile.h). */
const STATUS_LINE = 8;

/** What we need to know of PostgreSQL's programs: `postgres/programs.ts` finds them. */
export interface ServerPrograms {
  readonly major: number;
  /** Absolute path, or undefined when it is not installed. */
  path(name: string): string | undefined;
}

export interface ScratchStart {
  readonly place: ScratchPlace;
  readonly programs: ServerPrograms;
  readonly user: ProgramUser | undefined;
  readonly settings: ReplaySettings;
  /** Recovery settings; with none of them the cluster is opened as it stands. */
  readonly recovery: Readonly<Record<string, string>>;
  /**
   * Replay, or open as it stands. Replay runs in standby mode: where the log ends before the target it
   * waits there, read-only, instead of failing or, worse, opening.
   */
  readonly mode: 'replay' | 'open';
  readonly durable: boolean;
  readonly clock: Clock;
}

export interface ScratchCluster {
  readonly place: ScratchPlace;
  readonly pid: number;
  url(database: string, user: string): string;
  isRunning(): boolean;
  /** The end of what PostgreSQL wrote. */
  log(): Promise<string>;
  /**
   * Resolves when connections are accepted: in recovery, when the copy is consistent.
   *
   * @throws Problem CLUSTER_NOT_STARTED when it ended by itself, with its last words.
   */
  waitReady(options: {
    readonly signal: AbortSignal;
    /** Called now and then while waiting; what it throws ends the waiting. */
    readonly onWait?: () => void | Promise<void>;
  }): Promise<void>;
  /** An orderly end; the files stay. */
  stop(): Promise<void>;
  /** Ends it and removes everything. */
  destroy(): Promise<void>;
}

/** @throws Problem CLUSTER_NO_PROGRAM; SUBPROCESS_* when it cannot be started. */
export async function startScratchCluster(start: ScratchStart): Promise<ScratchCluster> {
  const { place, programs, user } = start;
  const postgres = programs.path('postgres');
  if (postgres === undefined) {
    const message = `Cannot start the restored copy: PostgreSQL ${programs.major} is not installed here`;
    throw new Problem(CLUSTER_NO_PROGRAM, message, { facts: { major: programs.major } });
  }
  await writeConfiguration(start);
  const configuration = join(place.folder, PLACE_FILES.configuration);
  const logFile = join(place.folder, PLACE_FILES.log);
  const args = ['-D', place.dataDirectory, '-c', `config_file=${configuration}`];
  const started = await startProgram(postgres, args, {
    cwd: place.folder,
    environment: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin', HOME: place.folder },
    user,
    logFile,
  });
  let ended = false;
  void started.ended.then(() => (ended = true));
  await writeFile(join(place.folder, PLACE_FILES.process), `${started.pid}\n`);

  function isRunning(): boolean {
    return !ended && isAlive(started.pid);
  }
  return {
    place,
    pid: started.pid,
    isRunning,
    url: (database, role) => scratchUrl(place, database, role),
    log: () => tailOf(logFile),
    async waitReady({ signal, onWait }) {
      while (!(await isReady(place))) {
        if (!isRunning()) throw await didNotStart(logFile);
        await onWait?.();
        await start.clock.sleep(READY_POLL_MS, { signal });
      }
    },
    stop: () => stopScratch(place),
    destroy: () => destroyScratch(place),
  };
}

/** What the backup brought along must not decide anything: neither settings nor roles in recovery. */
async function writeConfiguration(start: ScratchStart): Promise<void> {
  const { place } = start;
  await setAside(place.dataDirectory, 'postgresql.auto.conf');
  for (const name of ['standby.signal', 'recovery.signal', 'postmaster.pid'])
    await rm(join(place.dataDirectory, name), { force: true });
  const files: Record<string, string> = {
    [PLACE_FILES.configuration]: renderConfiguration({ ...start, major: start.programs.major }),
    [PLACE_FILES.hostAccess]: HOST_ACCESS,
    [PLACE_FILES.identities]: '',
  };
  for (const [name, text] of Object.entries(files))
    await writeFile(join(place.folder, name), text, { mode: 0o600 });
  if (start.mode === 'replay')
    await writeFile(join(place.dataDirectory, 'standby.signal'), '', { mode: 0o600 });
  await giveTo(place, start.user);
}

/** Kept for whoever wants to see what production had set by `ALTER SYSTEM`. */
async function setAside(dataDirectory: string, name: string): Promise<void> {
  const path = join(dataDirectory, name);
  await rename(path, `${path}.of-production`).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
}

async function isReady(place: ScratchPlace): Promise<boolean> {
  const text = await readFile(join(place.dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n')[STATUS_LINE - 1]?.trim() === 'ready';
}

async function didNotStart(logFile: string): Promise<Problem> {
  const words = (await tailOf(logFile)).trim().split('\n').slice(-6).join('\n');
  return new Problem(
    CLUSTER_NOT_STARTED,
    `Cannot start the restored copy: PostgreSQL ended by itself: ${words}`,
    { facts: { log: words } },
  );
}

async function tailOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
