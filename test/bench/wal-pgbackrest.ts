/**
 * pgBackRest as the archive command of the server: the segment at hand, or with its processes ahead in the
 * background (`archive-async`). PostgreSQL calls it, so it is no process of ours: its CPU time is what the
 * shell accounts for in each call, and of the ones in the background what they had when last seen.
 */
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitUntil } from '../support/wait-until.ts';
import { type PgBackRest, pgBackRest } from './pgbackrest.ts';
import { ownCpuSeconds, peakKiBOf, processesWith } from './processes.ts';
import { endOfSegment, followQuery, nowMs } from './wal-marks.ts';
import type { Receiver, ReceiverArena, Receiving } from './wal-receivers.ts';

const SAMPLE_MS = 40;
const QUIET_MS = 60_000;
const CALLS = 'times';
type How = Parameters<PgBackRest['archivePush']>[0];

/** Empty: it is not installed. */
export async function archivePushers(
  arena: ReceiverArena & { readonly level: number },
): Promise<readonly Receiver[]> {
  const folder = join(arena.folder, 'archive-push');
  await mkdir(folder, { recursive: true });
  // The server's own user notes here what it has cost.
  await chmod(folder, 0o777);
  const peer = await pgBackRest({ database: arena, folder, level: arena.level });
  if (peer === undefined) return [];
  return (['one by one', 'ahead'] as const).map((how) => ({
    name: how === 'ahead' ? 'pgBackRest, async' : 'pgBackRest',
    start: async (options) => start({ arena, peer, folder, how }, options),
  }));
}

interface Pusher {
  readonly arena: ReceiverArena;
  readonly peer: PgBackRest;
  readonly folder: string;
  readonly how: How;
}

async function start(
  { arena: { postgres }, peer, folder, how }: Pusher,
  { backlog }: { readonly backlog?: string } = {},
): Promise<Receiving> {
  await peer.empty();
  await rm(join(folder, CALLS), { force: true });
  const { path, args } = await peer.archivePush(how);
  const script = join(folder, 'push.sh');
  // What it says on its own stays out of the way.
  const lines = `{ time ${path} "$@" 2>>${folder}/errors; } 2>>${join(folder, CALLS)}`;
  await writeFile(script, `#!/bin/bash\nTIMEFORMAT='%3U %3S'\n${lines}\n`, { mode: 0o755 });
  if (backlog !== undefined) await wantAgain(postgres);
  const following = await followQuery(postgres, {
    sql: 'SELECT last_archived_wal FROM pg_stat_archiver',
    read: endOfSegment,
  });
  const background = watch(folder);
  const begunMs = nowMs();
  await setCommand(postgres, `${script} ${args.join(' ')} "%p"`);
  return {
    marks: following.marks,
    begunMs,
    cpuSeconds: async () => (await cpuOfCalls(folder)) + background.cpuSeconds(),
    peakMiB: async () => background.peakMiB(),
    async [Symbol.asyncDispose]() {
      await setCommand(postgres, '/bin/true');
      // What it was not asked to keep goes to nobody, and nothing of it is left for the next.
      await waitUntil(async () => !(await statusNames(postgres)).some(isWanted), QUIET_MS);
      await waitUntil(() => processesWith(folder).length === 0, QUIET_MS);
      background.stop();
      await following[Symbol.asyncDispose]();
    },
  };
}

type Server = ReceiverArena['postgres'];

async function setCommand(postgres: Server, command: string): Promise<void> {
  await postgres.query(`ALTER SYSTEM SET archive_command = '${command}'`);
  await postgres.query(`SELECT pg_reload_conf(), pg_stat_reset_shared('archiver')`);
}

/** What is kept for the backlog's slot has been archived already: to nobody. */
async function wantAgain(postgres: Server): Promise<void> {
  const folder = statusFolder(postgres);
  for (const name of await statusNames(postgres))
    if (name.endsWith('.done'))
      await rename(join(folder, name), join(folder, name.replace('.done', '.ready')));
}

function isWanted(name: string): boolean {
  return name.endsWith('.ready');
}

async function statusNames(postgres: Server): Promise<readonly string[]> {
  return await readdir(statusFolder(postgres));
}

function statusFolder({ dataDirectory }: Server): string {
  return join(dataDirectory, 'pg_wal/archive_status');
}

async function cpuOfCalls(folder: string): Promise<number> {
  const text = await readFile(join(folder, CALLS), 'utf8').catch(() => '');
  return text
    .split(/\s+/)
    .map(Number)
    .reduce((sum, seconds) => sum + seconds, 0);
}

interface Background {
  cpuSeconds(): number;
  peakMiB(): number;
  stop(): void;
}

function watch(folder: string): Background {
  const seconds = new Map<number, number>();
  let peakKiB = 0;
  const timer = setInterval(() => {
    for (const { pid, command } of processesWith(folder)) {
      peakKiB = Math.max(peakKiB, peakKiBOf(pid));
      if (/:(async|local)/.test(command)) seconds.set(pid, ownCpuSeconds(pid));
    }
  }, SAMPLE_MS);
  return {
    cpuSeconds: () => [...seconds.values()].reduce((sum, value) => sum + value, 0),
    peakMiB: () => peakKiB / 1024,
    stop: () => clearInterval(timer),
  };
}
