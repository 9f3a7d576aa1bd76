/**
 * The file that holds a key ring, mode 0600: `{ "version": 1, "keys": [{ "keyId", "key" (32 bytes,
 * base64), "createdAt" }] }`, oldest first, the last one current. Refuses a file that anybody but its
 * owner may read. What is wrong with it is told by its place only: nothing here shows a key.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chown, type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import { type Generations, KEY_BYTES, KEY_ID } from './generations.ts';
import { KEY_FILE_EXISTS, KEY_FILE_MISSING, KEY_FILE_MODE, KEY_UNREADABLE } from './problems.ts';

/** A key file has a few hundred bytes for each key. */
const FILE_BYTES_MAX = 1024 * 1024;
const OWNER_ONLY = 0o600;

export const KeyEntry = z.strictObject({
  keyId: z.string().regex(KEY_ID),
  key: z.base64().refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES),
  createdAt: z.string(),
});
export type KeyEntry = z.infer<typeof KeyEntry>;

const KeyFile = z.strictObject({ version: z.literal(1), keys: z.array(KeyEntry).min(1) });

export interface ReadKeyFile {
  readonly entries: readonly KeyEntry[];
  readonly owner: { readonly uid: number; readonly gid: number };
  /** As it stood there: whoever replaces the file looks whether it still does. */
  readonly text: string;
}

/** @throws Problem KEY_FILE_MISSING, KEY_FILE_MODE, KEY_UNREADABLE */
export async function readKeyFile(path: string): Promise<ReadKeyFile> {
  await using handle = await openKeyFile(path);
  const stats = await handle.stat();
  const { mode, size, uid, gid } = stats;
  if (!stats.isFile()) throw unreadable(path, 'it is not a file');
  if ((mode & 0o077) !== 0) {
    throw new Problem(
      KEY_FILE_MODE,
      `Cannot use the key file "${path}": others may read it (mode ${(mode & 0o777).toString(8)}), and only its owner should`,
      { hint: `Take it away from everybody but its owner: \`chmod 600 ${path}\`.` },
    );
  }
  if (size > FILE_BYTES_MAX) throw unreadable(path, 'it is far too large');
  const text = await handle.readFile('utf8');
  const parsed = KeyFile.safeParse(readJson(text, path));
  // What is wrong is told by its place only: the value may be a key.
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole');
    throw unreadable(path, `it is not a key file (${[...new Set(places)].join(', ')})`);
  }
  const { keys } = parsed.data;
  if (new Set(keys.map(({ keyId }) => keyId)).size !== keys.length)
    throw unreadable(path, 'a key id stands twice in it');
  return { entries: keys, owner: { uid, gid }, text };
}

export function generationsOf(entries: readonly KeyEntry[]): Generations {
  return {
    order: entries.map(({ keyId }) => keyId),
    keys: new Map(entries.map(({ keyId, key }) => [keyId, Buffer.from(key, 'base64')])),
    unreadable: new Map(),
    warnings: [],
  };
}

/** Where there is none yet. @throws Problem KEY_FILE_EXISTS; nothing is overwritten. */
export async function writeFirstKeyFile(path: string, entry: KeyEntry): Promise<void> {
  const unfinished = unfinishedName(path);
  try {
    await using handle = await open(unfinished, 'wx', OWNER_ONLY);
    await handle.writeFile(keyFileText([entry]));
    await handle.sync();
    // Whole or not at all, and never over another one: `rename` would replace it.
    await link(unfinished, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST')
      throw new Problem(KEY_FILE_EXISTS, `Cannot make the key file "${path}": it exists already`);
    throw unreadable(path, 'it cannot be written', error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
  await syncFolder(path);
}

export interface NewContent {
  readonly entries: readonly KeyEntry[];
  /** The same as the file's: whoever runs us need not be who reads it. */
  readonly owner: ReadKeyFile['owner'];
  /** Asked when all is on disk and nothing is replaced yet. @throws when it may not be. */
  readonly confirm: () => Promise<void>;
}

/**
 * Puts the whole new content beside the file, on disk, then over it: at any moment there is a whole
 * file under the name. @throws Problem KEY_UNREADABLE when it cannot be written; the file is as it was.
 */
export async function replaceKeyFile(
  path: string,
  { entries, owner, confirm }: NewContent,
): Promise<void> {
  const unfinished = unfinishedName(path);
  try {
    await using handle = await open(unfinished, 'wx', OWNER_ONLY);
    await handle.writeFile(keyFileText(entries));
    const { uid, gid } = await handle.stat();
    if (uid !== owner.uid || gid !== owner.gid) await chown(unfinished, owner.uid, owner.gid);
    await handle.sync();
    await confirm();
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    if (error instanceof Problem) throw error;
    throw unreadable(path, 'it cannot be replaced', error);
  }
  await syncFolder(path);
}

function unfinishedName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.new`);
}

/** What was left beside it by somebody who was killed. */
export function isUnfinished(path: string, name: string): boolean {
  const begin = `.${basename(path)}.`;
  return name.startsWith(begin) && /^[0-9a-f]{8}\.new$/.test(name.slice(begin.length));
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}

function keyFileText(keys: readonly KeyEntry[]): string {
  return `${JSON.stringify({ version: 1, keys }, null, 2)}\n`;
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new Problem(KEY_FILE_MISSING, `Cannot read the key file "${path}": no such file`, {
        facts: { path },
      });
    }
    throw unreadable(path, 'it cannot be opened', error);
  }
}

function readJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No cause: the parser's error quotes the text.
    throw unreadable(path, 'it is not JSON');
  }
}

export function unreadable(path: string, why: string, cause?: unknown): Problem {
  const reason =
    cause instanceof Error && errorCode(cause) !== undefined ? ` (${errorCode(cause)})` : '';
  return new Problem(KEY_UNREADABLE, `Cannot use the key file "${path}": ${why}${reason}`, {
    facts: { path },
    cause,
  });
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
