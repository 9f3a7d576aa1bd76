/**
 * Who runs the programs. PostgreSQL refuses to run as root, so where we are root it runs as a user of
 * this machine; where we are not, everything runs as ourselves.
 */
import { readFile } from 'node:fs/promises';

import { Problem } from '../kernel/problem.ts';
import { USER_UNKNOWN } from './problems.ts';
import { type ProgramUser, runProgram } from './run.ts';

/** Every system has it, and it owns nothing. */
const LAST_RESORT = 'nobody';
const LOOKUP_MS = 10_000;

/**
 * Undefined when we are not root: run as ourselves. `postgres`, the default, falls back to `nobody`
 * where there is no such user.
 *
 * @throws Problem SUBPROCESS_USER_UNKNOWN
 */
export async function resolveUser(
  name: string,
  options: { readonly signal: AbortSignal },
): Promise<ProgramUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const user = findUser(passwd, name) ?? (await askSystem(name, options));
  if (user !== undefined && user.uid !== 0) return user;
  const nobody = name === 'postgres' ? findUser(passwd, LAST_RESORT) : undefined;
  if (nobody !== undefined) return nobody;
  throw new Problem(
    USER_UNKNOWN,
    `Cannot start PostgreSQL as "${name}": ${user === undefined ? 'there is no such user' : 'that user is root'}`,
    { facts: { user: name } },
  );
}

/** Finds a user in the text of `/etc/passwd`. Pure. */
export function findUser(passwd: string, name: string): ProgramUser | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid = '', gid = ''] = line.split(':');
    if (user === name && /^\d+$/.test(uid) && /^\d+$/.test(gid))
      return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** Users of a directory service are not in the file. */
async function askSystem(
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<ProgramUser | undefined> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) return undefined;
  const numbers: number[] = [];
  for (const flag of ['-u', '-g']) {
    const end = await runProgram('/usr/bin/id', [flag, name], {
      signal,
      deadlineMs: LOOKUP_MS,
      cwd: '/',
      environment: { LC_ALL: 'C' },
    });
    if (end.exitCode !== 0 || !/^\d+\s*$/.test(end.stdout)) return undefined;
    numbers.push(Number(end.stdout));
  }
  const [uid, gid] = numbers;
  return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
}
