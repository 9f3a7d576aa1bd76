/**
 * Who is measured, and how each is run: our engine; pgBackRest; and the limit, which moves the same bytes
 * and does nothing else. Every one makes its files durable as it does by default; caches are warm for all.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { BenchDatabase } from './database.ts';
import type { OursAnswer, OursRequest } from './ours-words.ts';
import { type PgBackRest, pgBackRest } from './pgbackrest.ts';
import { type Cost, runMeasured } from './processes.ts';

export interface Measured extends Cost {
  /** What lies in the repository. */
  readonly storedBytes?: number;
  readonly readBytes?: number;
  readonly stallMs?: number;
  readonly stallCpuMs?: number;
}

export interface Contestant {
  readonly name: string;
  backup(): Promise<Measured>;
  /** Of the last backup. */
  restore(): Promise<Measured>;
}

export interface Arena {
  readonly database: BenchDatabase;
  /** An existing folder; everything is written below it, so all write to the same disk. */
  readonly folder: string;
  /** Of zstd. */
  readonly level: number;
}

/** Those that this machine can run, and the names of the others with what is missing. */
export async function contestants(
  arena: Arena,
): Promise<{ readonly present: readonly Contestant[]; readonly absent: readonly string[] }> {
  const present: Contestant[] = [limit(arena), ours(arena)];
  const absent: string[] = [];
  const peer = await pgBackRest(arena);
  if (peer === undefined) absent.push('pgBackRest: install Debian\'s package "pgbackrest"');
  else present.push(asContestant(arena, peer));
  return { present, absent };
}

/** `pg_basebackup` to nowhere, `tar` back to disk. */
function limit({ database, folder }: Arena): Contestant {
  const { postgres, postmaster } = database;
  const archive = join(folder, 'limit.tar');
  const args = ['-h', postgres.socketDirectory, '-p', String(postgres.port), '-U', 'postgres'];
  const path = postgres.programs.path('pg_basebackup') ?? 'pg_basebackup';
  const copy = { path, args: [...args, '-D', '-', '-Ft', '-X', 'none', '-c', 'fast'], cwd: '/' };
  return {
    name: 'limit',
    backup: async () => runMeasured({ ...copy, discardOutput: true }, postmaster),
    async restore() {
      if (!existsSync(archive)) await toFile(copy.path, copy.args, archive);
      return await intoEmpty(arenaRestore(folder), undefined, async (directory) =>
        runMeasured({ path: 'tar', args: ['-xf', archive, '-C', directory], cwd: folder }, 0),
      );
    },
  };
}

function ours({ database, folder }: Arena): Contestant {
  const { postgres, postmaster } = database;
  const store = join(folder, 'ours');
  const request = { server: 'bench', url: postgres.url(), store };
  return {
    name: 'ours → directory',
    async backup() {
      await rm(store, { recursive: true, force: true });
      await settle();
      return await runOurs({ ...request, action: 'backup', directory: '' }, postmaster);
    },
    async restore() {
      return await intoEmpty(arenaRestore(folder), undefined, async (directory) =>
        runOurs({ ...request, action: 'restore', directory }, 0),
      );
    },
  };
}

async function runOurs(request: OursRequest, postmaster: number): Promise<Measured> {
  const program = fileURLToPath(new URL('./ours-process.ts', import.meta.url));
  const flags = (process.env['DBDR_BENCH_NODE'] ?? '').split(' ').filter((flag) => flag !== '');
  const args = [...flags, program, JSON.stringify(request)];
  const cost = await runMeasured({ path: process.execPath, args, cwd: '/' }, postmaster);
  const answer = JSON.parse(cost.output) as OursAnswer;
  return { ...cost, ...answer };
}

function asContestant({ database, folder }: Arena, peer: PgBackRest): Contestant {
  const { user } = database.postgres;
  return {
    name: 'pgBackRest',
    async backup() {
      await peer.empty();
      await settle();
      const cost = await runMeasured(peer.backup(), database.postmaster);
      return { ...cost, storedBytes: await peer.storedBytes() };
    },
    restore: async () =>
      intoEmpty(arenaRestore(folder), user, async (directory) =>
        runMeasured(peer.restore(directory), 0),
      ),
  };
}

function arenaRestore(folder: string): string {
  return join(folder, 'restored');
}

/** A new folder for each restore, gone before the next: nobody finds files to write over. */
async function intoEmpty(
  directory: string,
  owner: { readonly uid: number; readonly gid: number } | undefined,
  restore: (directory: string) => Promise<Measured>,
): Promise<Measured> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  await chmod(directory, 0o700);
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  await settle();
  try {
    return await restore(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What others wrote goes to disk before a clock is started. */
async function settle(): Promise<void> {
  await endOf(spawn('sync', { stdio: 'ignore' }));
}

async function toFile(path: string, args: readonly string[], file: string): Promise<void> {
  await using handle = await open(file, 'w');
  await endOf(spawn(path, args, { stdio: ['ignore', handle.fd, 'ignore'] }));
}

async function endOf(child: ReturnType<typeof spawn>): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`A program ended with ${code}`);
}
