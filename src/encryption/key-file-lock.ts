/**
 * Only one process changes a key file at a time. The lock is a file beside it that names its process; one
 * whose process is certainly gone is taken over. Where that cannot be told (another machine), a person
 * decides. Whoever holds it looks again before the key file is replaced.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import { errorCode, unreadable } from './key-file.ts';
import { KEY_FILE_LOCKED } from './problems.ts';

export interface KeyFileLock extends AsyncDisposable {
  /** @throws Problem KEY_FILE_LOCKED when somebody took it for abandoned. */
  confirm(): Promise<void>;
}

const LockText = z.object({
  host: z.string(),
  pid: z.number().int().positive(),
  token: z.string(),
});
type LockText = z.infer<typeof LockText>;

/** A lock that is always held by the dead is no lock. */
const TRIES_MAX = 3;

/** @throws Problem KEY_FILE_LOCKED */
export async function lockKeyFile(keyFile: string): Promise<KeyFileLock> {
  const path = `${keyFile}.lock`;
  const own = { host: hostname(), pid: process.pid, token: randomBytes(8).toString('hex') };
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    if (await writeLock(path, own)) return held(path, own);
    const other = await readLock(path);
    // Given back meanwhile, or not ours to read.
    if (other === undefined) continue;
    if (!isGone(other)) throw locked(path, other);
    // Moved aside first, so that of two who find it abandoned only one removes it.
    const aside = `${path}.${own.token}`;
    await rename(path, aside).catch(() => undefined);
    await rm(aside, { force: true });
  }
  throw locked(path, await readLock(path));
}

/** What was left by somebody who was killed while taking it. */
export function isUnfinishedLock(keyFile: string, name: string): boolean {
  return name.startsWith(`${basename(keyFile)}.lock.`);
}

function held(path: string, own: LockText): KeyFileLock {
  return {
    async confirm() {
      const found = await readLock(path);
      if (found?.token !== own.token) throw locked(path, found);
    },
    async [Symbol.asyncDispose]() {
      const found = await readLock(path);
      if (found?.token === own.token) await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** False: there is one already. Whole from its first moment: nobody reads half of a name. */
async function writeLock(path: string, own: LockText): Promise<boolean> {
  const unfinished = `${path}.${own.token}`;
  try {
    await writeFile(unfinished, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
    await link(unfinished, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // Whoever held the lock took it for a leftover.
    if (errorCode(error) === 'ENOENT') return false;
    throw unreadable(path.replace(/\.lock$/, ''), 'nothing can be written beside it', error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

/** Undefined: there is none, or it is something else. */
async function readLock(path: string): Promise<LockText | undefined> {
  try {
    return LockText.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function isGone({ host, pid }: LockText): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

function locked(path: string, other: LockText | undefined): Problem {
  const who = other === undefined ? 'another process' : `the process ${other.pid} on ${other.host}`;
  return new Problem(
    KEY_FILE_LOCKED,
    `Cannot change the key file "${path.replace(/\.lock$/, '')}": ${who} is changing it`,
    { hint: `Ask again in a moment; if that process is certainly gone, remove "${path}".` },
  );
}
