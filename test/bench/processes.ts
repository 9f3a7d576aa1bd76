/**
 * Runs a program and tells what it cost: wall time, CPU seconds of it and all its children, the largest
 * memory of any one of them, and what the database server spent meanwhile. Linux only (`/proc`).
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

import type { ProgramUser } from '../../src/subprocess/run.ts';

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly user?: ProgramUser | undefined;
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its output goes; default: it is kept and answered. */
  readonly discardOutput?: boolean;
}

export interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Of the processes of other groups that were asked for: the database server. */
  readonly serverCpuSeconds: number;
  /** The largest resident set of a single process. */
  readonly peakMiB: number;
  readonly output: string;
}

/** The kernel counts CPU time in hundredths of a second, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 20;

/** `server`: the postmaster's process id. @throws Error when the program fails */
export async function runMeasured(program: Program, server: number): Promise<Cost> {
  const serverBefore = familyCpuSeconds(server);
  const began = performance.now();
  // The shell waits for all that it starts, so its own account of CPU time is exact.
  const child = spawn(
    '/bin/bash',
    ['-c', `TIMEFORMAT='dbdr-bench %3U %3S'; time "$0" "$@"`, program.path, ...program.args],
    {
      cwd: program.cwd,
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...program.environment },
      stdio: ['ignore', program.discardOutput === true ? 'ignore' : 'pipe', 'pipe'],
      ...(program.user === undefined ? {} : { uid: program.user.uid, gid: program.user.gid }),
    },
  );
  let [output, errors, peakKiB] = ['', '', 0];
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const sampling = setInterval(() => {
    for (const pid of descendants(child.pid ?? 0)) peakKiB = Math.max(peakKiB, peakKiBOf(pid));
  }, SAMPLE_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearInterval(sampling);
  const wallSeconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(`"${program.path}" ended with ${code}: ${errors}${output}`);
  const [, user = '0', system = '0'] = /dbdr-bench ([\d.]+) ([\d.]+)\n$/.exec(errors) ?? [];
  return {
    wallSeconds,
    cpuSeconds: Number(user) + Number(system),
    serverCpuSeconds: familyCpuSeconds(server) - serverBefore,
    peakMiB: peakKiB / 1024,
    output,
  };
}

/** A process, what it has waited for, and its living children. 0: no process. */
export function familyCpuSeconds(pid: number): number {
  if (pid === 0) return 0;
  // Own user and system time, then those of children that were waited for.
  return [pid, ...descendants(pid)].reduce((sum, one) => sum + cpuSeconds(one, 4), 0);
}

/** A living process, and nobody else. */
export function ownCpuSeconds(pid: number): number {
  return cpuSeconds(pid, 2);
}

function cpuSeconds(pid: number, fields: number): number {
  // The command's name stands in brackets and may hold spaces.
  const times = readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 11 + fields);
  return times.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Living processes with `word` in their command line. */
export function processesWith(
  word: string,
): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => !Number.isNaN(pid) && pid !== process.pid)
    .map((pid) => ({ pid, command: readProc(pid, 'cmdline').replaceAll('\0', ' ') }))
    .filter(({ command }) => command.includes(word));
}

function descendants(pid: number): number[] {
  const all: number[] = [];
  for (let next: number[] = [pid]; next.length > 0; ) {
    next = next.flatMap((parent) => childrenOf(parent));
    all.push(...next);
  }
  return all;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readProc(pid, `task/${task}/children`)
        .split(' ')
        .filter((text) => text !== '')
        .map(Number),
    );
  } catch {
    // It has ended.
    return [];
  }
}

export function peakKiBOf(pid: number): number {
  const [, text = '0'] = /^VmHWM:\s+(\d+)/m.exec(readProc(pid, 'status')) ?? [];
  return Number(text);
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
