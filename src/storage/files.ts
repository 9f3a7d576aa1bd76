/** What a store in a folder does with files: look, compare two, and make a folder's names durable. */
import type { Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir } from 'node:fs/promises';

import { errorCode } from './file-problems.ts';

const COMPARE_BYTES = 1024 * 1024;

/** Compares piece by piece: memory stays flat. */
export async function sameBytes(pathA: string, pathB: string): Promise<boolean> {
  await using a = await open(pathA, 'r');
  await using b = await open(pathB, 'r');
  const [statsA, statsB] = await Promise.all([a.stat(), b.stat()]);
  if (statsA.size !== statsB.size) return false;
  const [left, right] = [Buffer.allocUnsafe(COMPARE_BYTES), Buffer.allocUnsafe(COMPARE_BYTES)];
  for (let at = 0; at < statsA.size; at += COMPARE_BYTES) {
    const wanted = Math.min(COMPARE_BYTES, statsA.size - at);
    await Promise.all([fill(a, left, wanted, at), fill(b, right, wanted, at)]);
    if (left.compare(right, 0, wanted, 0, wanted) !== 0) return false;
  }
  return true;
}

async function fill(
  handle: FileHandle,
  into: Buffer,
  wanted: number,
  position: number,
): Promise<void> {
  for (let done = 0; done < wanted; ) {
    const { bytesRead } = await handle.read(into, done, wanted - done, position + done);
    if (bytesRead === 0) throw new Error('A file became shorter while it was compared');
    done += bytesRead;
  }
}

/** After it, names that were made or removed in the folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/** False: the name is taken. */
export async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined: it is not there. */
export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Undefined: there is no such folder. */
export async function namesIfThere(path: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
