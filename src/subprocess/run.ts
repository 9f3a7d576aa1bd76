/**
 * Runs other programs: an absolute path and a list of arguments, never a shell; the environment is
 * exactly what the caller gives. Output is bounded (its end is kept). Aborting or running out of time
 * ends the whole process group, gently first. Messages never hold secrets.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Problem } from '../kernel/problem.ts';
import { SUBPROCESS_FAILED, SUBPROCESS_MISSING, SUBPROCESS_TOO_SLOW } from './problems.ts';
import { redact } from './redact.ts';

/** How much of each output is kept. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** How long a program may take to end after SIGTERM. */
const GRACE_MS = 3000;
/** A grandchild may hold the pipes open after the program itself has ended. */
const DRAIN_MS = 500;

/** Somebody on this machine. Only root may run a program as somebody else. */
export interface ProgramUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ProgramOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined: as ourselves. */
  readonly user?: ProgramUser | undefined;
  readonly stdin?: string | Buffer;
  /** Taken out of whatever is shown. */
  readonly secrets?: readonly string[];
}

export interface ProgramEnd {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Answers any exit code; the caller judges it, or uses `runProgramWell()`.
 *
 * @throws Problem SUBPROCESS_MISSING when there is no such program.
 * @throws Problem SUBPROCESS_TOO_SLOW after `deadlineMs`; SUBPROCESS_FAILED when a signal ended it.
 */
export async function runProgram(
  path: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  options.signal.throwIfAborted();
  const child = spawn(path, args, {
    cwd: options.cwd,
    env: { ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    shell: false,
    // A process group of its own, so that its children end with it.
    detached: true,
    ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
  });
  const stdout = keepEnd(child.stdout);
  const stderr = keepEnd(child.stderr);
  // A program that ends without reading its input is not our failure.
  child.stdin.on('error', ignore);
  child.stdin.end(options.stdin ?? '');

  const deadline = AbortSignal.timeout(options.deadlineMs);
  const end = await endOf(child, path, AbortSignal.any([options.signal, deadline]));
  options.signal.throwIfAborted();
  const told = redact(stderr().trim().slice(-2000), options.secrets);
  const facts = { program: basename(path), stderr: told };
  if (end.stopped) {
    const message = `Cannot run "${basename(path)}": it did not end within ${options.deadlineMs} ms`;
    throw new Problem(SUBPROCESS_TOO_SLOW, message, { facts });
  }
  if (end.exitCode === null) {
    const message = `Cannot run "${basename(path)}": it was ended by ${end.signalName}: ${told}`;
    throw new Problem(SUBPROCESS_FAILED, message, { facts });
  }
  return { exitCode: end.exitCode, stdout: stdout(), stderr: stderr() };
}

/** @throws Problem SUBPROCESS_FAILED when the exit code is not 0, with what the program said. */
export async function runProgramWell(
  path: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  const end = await runProgram(path, args, options);
  if (end.exitCode === 0) return end;
  const told = redact((end.stderr.trim() || end.stdout.trim()).slice(-2000), options.secrets);
  throw new Problem(
    SUBPROCESS_FAILED,
    `Cannot run "${basename(path)}": it ended with exit code ${end.exitCode}: ${told}`,
    { facts: { program: basename(path), exitCode: end.exitCode, stderr: told } },
  );
}

interface End {
  readonly exitCode: number | null;
  readonly signalName: string;
  /** We ended it, whatever exit code it made of that. */
  readonly stopped: boolean;
}

async function endOf(child: ChildProcess, path: string, signal: AbortSignal): Promise<End> {
  let stopped = false;
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', (error) => {
      reject(cannotStart(path, error));
    });
    child.once('exit', (exitCode, signalName) => {
      resolve({ exitCode, signalName: signalName ?? 'a signal', stopped });
    });
  });
  function stop(): void {
    stopped = true;
    void endGroup(child);
  }
  signal.addEventListener('abort', stop, { once: true });
  try {
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const end = await ended;
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })]);
    return end;
  } finally {
    signal.removeEventListener('abort', stop);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

export function cannotStart(path: string, error: Error): Problem {
  const code = 'code' in error ? String(error.code) : error.message;
  if (code === 'ENOENT') {
    return new Problem(SUBPROCESS_MISSING, `Cannot start "${path}": there is no such program`, {
      facts: { program: path },
      cause: error,
    });
  }
  return new Problem(SUBPROCESS_FAILED, `Cannot start "${path}": ${code}`, {
    facts: { program: path },
    cause: error,
  });
}

/** SIGTERM to the whole group, SIGKILL to what is left after the grace. Never throws. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signalGroup(child.pid, 'SIGTERM');
  await Promise.race([exited, delay(GRACE_MS, undefined, { ref: false })]);
  signalGroup(child.pid, 'SIGKILL');
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

/** Keeps the end of a stream, because that is where programs say what went wrong. */
function keepEnd(stream: NodeJS.ReadableStream): () => string {
  let kept = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-OUTPUT_BYTES_MAX);
  });
  stream.on('error', ignore);
  return () => kept.toString('utf8');
}

function ignore(): void {
  // The exit code tells what matters.
}
