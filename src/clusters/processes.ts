/** Is a process the PostgreSQL of a given data directory? Process ids are used again by others. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { runProgram } from '../subprocess/run.ts';
import { isDataDirectoryOurs, PLACE_FILES, type ScratchPlace } from './place.ts';

const POLL_MS = 25;
const LOOK_MS = 10_000;
/** PostgreSQL itself kills children that do not quit within 5 s. */
const QUIT_MS = 8000;
const KILL_MS = 5000;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The running postmaster that was started for `place`; undefined when none runs. */
export async function findPostmaster(place: ScratchPlace): Promise<number | undefined> {
  const files = [
    join(place.folder, PLACE_FILES.process),
    // A folder that was refused because it is full may be a living server's: its process is not ours.
    ...(isDataDirectoryOurs(place) ? [join(place.dataDirectory, 'postmaster.pid')] : []),
  ];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const pid = Number(text.split('\n')[0]);
    if (!Number.isSafeInteger(pid) || pid <= 1 || !isAlive(pid)) continue;
    if ((await commandLine(pid)).includes(place.dataDirectory)) return pid;
  }
  return undefined;
}

/** Ends it, whatever it does: immediate shutdown, then SIGKILL. Resolves when it is gone. */
export async function endPostmaster(pid: number, how: 'fast' | 'immediate'): Promise<void> {
  if (how === 'fast') {
    send(pid, 'SIGINT');
    if (await isGone(pid, QUIT_MS)) return;
  }
  send(pid, 'SIGQUIT');
  if (await isGone(pid, QUIT_MS)) return;
  send(pid, 'SIGKILL');
  if (!(await isGone(pid, KILL_MS))) throw new Error(`Process ${pid} does not end`);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already, which is what was wanted.
  }
}

async function isGone(pid: number, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs <= limitMs; waitedMs += POLL_MS) {
    if (!isAlive(pid) || (await isZombie(pid))) return true;
    await delay(POLL_MS);
  }
  return false;
}

/** A dead process whose parent has not asked for its end yet: it holds nothing any more. */
async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /\) Z /.test(stat);
}

async function commandLine(pid: number): Promise<string> {
  const linux = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (linux !== undefined) return linux;
  const end = await runProgram('/bin/ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
    signal: AbortSignal.timeout(LOOK_MS),
    deadlineMs: LOOK_MS,
    cwd: '/',
    environment: { LC_ALL: 'C' },
  });
  return end.stdout;
}
