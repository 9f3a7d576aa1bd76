/**
 * Who is measured, and how each is run: our engine to a folder and to a bucket; pgBackRest; and the limit,
 * which moves the same bytes and does nothing else. Every one makes its files durable as it does by
 * default; caches are warm for all.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { peerLacks, type Versitygw } from '../support/peers.ts';
import { makeBucket } from '../support/s3-peers.ts';
import type { BenchDatabase } from './database.ts';
import { OursAnswer, type OursRequest } from './ours-words.ts';
import { type PgBackRest, pgBackRest } from './pgbackrest.ts';
import { type Cost, runMeasured } from './processes.ts';

export type Action = 'backup' | 'restore' | 'table';

export interface Measured extends Cost, Partial<OursAnswer> {}

export interface Contestant {
  readonly name: string;
  readonly actions: Readonly<Partial<Record<Action, () => Promise<Measured>>>>;
}

export interface Arena {
  readonly database: BenchDatabase;
  /** An existing folder; everything is written below it, so all write to the same disk. */
  readonly folder: string;
  /** Of zstd. */
  readonly level: number;
  /** Undefined: it is not installed. */
  readonly gateway: Versitygw | undefined;
}

/** Those that this machine can run, and what it lacks for the others. */
export async function contestants(
  arena: Arena,
): Promise<{ readonly present: readonly Contestant[]; readonly absent: readonly string[] }> {
  const present = [limit(arena), toFolder(arena)];
  const absent: string[] = [];
  if (arena.gateway === undefined) absent.push(`a bucket: ${peerLacks('versitygw') ?? ''}`);
  else present.push(await toBucket(arena, arena.gateway));
  const peer = await pgBackRest(arena);
  if (peer === undefined) absent.push('pgBackRest: install Debian’s package "pgbackrest"');
  else present.push(asContestant(arena, peer));
  return { present, absent };
}

/** `pg_basebackup` to nowhere, `tar` back to disk. */
function limit({ database, folder }: Arena): Contestant {
  const { postgres, postmaster } = database;
  const archive = join(folder, 'limit.tar');
  const place = ['-h', postgres.socketDirectory, '-p', String(postgres.port), '-U', 'postgres'];
  const path = postgres.programs.path('pg_basebackup') ?? 'pg_basebackup';
  const args = [...place, '-D', '-', '-Ft', '-X', 'none', '-c', 'fast'];
  return {
    name: 'limit',
    actions: {
      async backup() {
        await settle();
        return await runMeasured({ path, args, cwd: '/', discardOutput: true }, postmaster);
      },
      async restore() {
        if (!existsSync(archive)) await intoFile(path, args, archive);
        return await intoEmpty(folder, undefined, async (directory) =>
          runMeasured({ path: 'tar', args: ['-xf', archive, '-C', directory], cwd: folder }, 0),
        );
      },
    },
  };
}

function toFolder(arena: Arena): Contestant {
  const path = join(arena.folder, 'ours');
  return ours('ours → directory', arena, {
    store: () => ({ kind: 'directory', path }),
    empty: async () => rm(path, { recursive: true, force: true }),
  });
}

async function toBucket(arena: Arena, gateway: Versitygw): Promise<Contestant> {
  const bucket = 'bench-bucket';
  const { endpoint, region, accessKeyId, secretAccessKey, dataFolder } = gateway;
  const peer = { endpoint, region, accessKeyId, secretAccessKey };
  await makeBucket(peer, { name: bucket });
  let round = 0;
  return ours('ours → bucket', arena, {
    store: () => ({ kind: 'bucket', ...peer, bucket, prefix: `round-${round}` }),
    async empty() {
      await rm(join(dataFolder, bucket, `round-${round}`), { recursive: true, force: true });
      round++;
    },
  });
}

interface Ours {
  readonly store: () => OursRequest['store'];
  readonly empty: () => Promise<void>;
}

function ours(
  name: string,
  { database, folder, level }: Arena,
  { store, empty }: Ours,
): Contestant {
  const { postgres, postmaster, tableFile } = database;
  const common = { server: 'bench', url: postgres.url(), level, directory: '', table: '' };
  return {
    name,
    actions: {
      async backup() {
        await empty();
        await settle();
        return await runOurs({ ...common, action: 'backup', store: store() }, postmaster);
      },
      restore: async () =>
        intoEmpty(folder, undefined, async (directory) =>
          runOurs({ ...common, action: 'restore', store: store(), directory }, 0),
        ),
      table: async () =>
        intoEmpty(folder, undefined, async (directory) =>
          runOurs({ ...common, action: 'table', store: store(), directory, table: tableFile }, 0),
        ),
    },
  };
}

async function runOurs(request: OursRequest, postmaster: number): Promise<Measured> {
  const program = fileURLToPath(new URL('./ours-process.ts', import.meta.url));
  const args = [program, JSON.stringify(request)];
  const cost = await runMeasured({ path: process.execPath, args, cwd: '/' }, postmaster);
  return { ...cost, ...OursAnswer.parse(JSON.parse(cost.output)) };
}

function asContestant({ database, folder }: Arena, peer: PgBackRest): Contestant {
  const { user } = database.postgres;
  return {
    name: 'pgBackRest',
    actions: {
      async backup() {
        await peer.empty();
        await settle();
        const cost = await runMeasured(peer.backup(), database.postmaster);
        return { ...cost, storedBytes: await peer.storedBytes() };
      },
      restore: async () =>
        intoEmpty(folder, user, async (directory) => runMeasured(peer.restore(directory), 0)),
    },
  };
}

/** A new folder for each restore, gone before the next: nobody finds files to write over. */
async function intoEmpty(
  folder: string,
  owner: { readonly uid: number; readonly gid: number } | undefined,
  restore: (directory: string) => Promise<Measured>,
): Promise<Measured> {
  const directory = join(folder, 'restored');
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

async function intoFile(path: string, args: readonly string[], file: string): Promise<void> {
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
