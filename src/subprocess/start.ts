/**
 * Starts a program that outlives this process: a session of its own, no pipes, its output in a file.
 * The caller writes down its process id before anything else happens, and ends it by that id.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { cannotStart, type ProgramUser } from './run.ts';

export interface StartOptions {
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: ProgramUser | undefined;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
}

export interface StartedProgram {
  readonly pid: number;
  /** Resolves when it ends while we are still here. Waiting for it does not keep us alive. */
  readonly ended: Promise<{ readonly exitCode: number | null }>;
}

/** @throws Problem SUBPROCESS_MISSING, SUBPROCESS_FAILED when it cannot be started. */
export async function startProgram(
  path: string,
  args: readonly string[],
  options: StartOptions,
): Promise<StartedProgram> {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(path, args, {
      cwd: options.cwd,
      env: { ...options.environment },
      stdio: ['ignore', log, log],
      shell: false,
      detached: true,
      ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
    });
    const ended = new Promise<{ exitCode: number | null }>((resolve) => {
      child.once('exit', (exitCode) => resolve({ exitCode }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotStart(path, error)));
    });
    child.unref();
    if (child.pid === undefined) throw new TypeError(`"${path}" has started without a process id`);
    return { pid: child.pid, ended };
  } finally {
    closeSync(log);
  }
}
