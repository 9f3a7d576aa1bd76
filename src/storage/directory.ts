/**
 * A store in a folder: each key is a path below it. An object is written under a name that no key can
 * have, fsynced, then linked to its own name, which fails when that name is taken; then the folder is
 * fsynced. So a reader never sees half of an object, and a power cut loses none that was answered.
 *
 * Refuses to follow links below its folder: no key leads out of it. The file system must know hard
 * links. One key may not be the folder of another (`a` and `a/b`).
 */
import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';

import { type Clock, systemClock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { collectBody } from './body.ts';
import { errorCode, missingProblem, storeProblem, unmounted } from './file-problems.ts';
import { linkNew, lstatIfThere, namesIfThere, sameBytes, syncFolder } from './files.ts';
import { requireKey } from './keys.ts';
import {
  type CallOptions,
  isObjectKey,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  type OpenOptions,
  type StoredItem,
  type Written,
} from './object-store.ts';
import { WRITE_REFUSED } from './problems.ts';

/** No key can contain this character. */
const UNFINISHED = '#unfinished';
const READ_BYTES = 256 * 1024;
/** What is remembered of folders: a few hundred bytes each. */
const DURABLE_MAX = 10_000;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface DirectoryOptions {
  readonly clock?: Clock;
  /** Asked of a folder that is not there, or empty: whether it is known to have held objects. */
  readonly wasUsed?: () => Promise<boolean>;
}

/**
 * Makes the folder with the first write; to a reader one that is not there yet is empty. One that is gone
 * or empty and was used before is an unmounted one: it is neither written to nor called empty.
 */
export function directoryStore(path: string, options: DirectoryOptions = {}): ObjectStore {
  return new DirectoryStore(path, options);
}

class DirectoryStore implements ObjectStore {
  readonly description: string;
  readonly #root: string;
  readonly #clock: Clock;
  /** Folders whose names we know to be durable; those are not synced again. */
  readonly #durable = new Set<string>();
  readonly #wasUsed: () => Promise<boolean>;
  /** Its folder was there once. */
  #isOpen = false;
  #making: Promise<void> | undefined;

  constructor(root: string, { clock = systemClock, wasUsed = never }: DirectoryOptions) {
    this.#root = root;
    this.#clock = clock;
    this.#wasUsed = wasUsed;
    this.description = `directory ${root}`;
  }

  async put(key: ObjectKey, body: Readable, { signal }: CallOptions): Promise<Written> {
    requireKey(key);
    try {
      await this.#make(signal);
      await using unfinished = await this.#told('write', key, () => this.#openUnfinished());
      const sizeBytes = await this.#write(unfinished.handle, key, body, signal);
      const target = await this.#told('write', key, () => this.#makeFolders(key));
      const written = await this.#told('write', key, () => linkNew(unfinished.path, target));
      if (!written && !(await this.#holdsSame(key, unfinished.path, target))) {
        throw new Problem(WRITE_REFUSED, `Cannot write "${key}": it holds other bytes`, {
          facts: { key },
        });
      }
      await this.#told('write', key, () => syncFolder(dirname(target)));
      return { key, sizeBytes, outcome: written ? 'written' : 'already there' };
    } finally {
      body.destroy();
    }
  }

  async open(key: ObjectKey, options: OpenOptions): Promise<Readable> {
    const { signal, startByte = 0, lengthBytes = Number.MAX_SAFE_INTEGER } = options;
    const found = (await this.#begin(signal)) ? await this.#find(key) : none(key);
    if (found === undefined) throw missingProblem(key);
    if (lengthBytes <= 0 || startByte >= found.sizeBytes) return Readable.from([]);
    const handle = await this.#told('open', key, () =>
      open(found.path, constants.O_RDONLY | constants.O_NOFOLLOW),
    );
    const end = Math.min(startByte + lengthBytes, found.sizeBytes) - 1;
    return handle.createReadStream({ start: startByte, end, highWaterMark: READ_BYTES, signal });
  }

  async stat(key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo | undefined> {
    const found = (await this.#begin(signal)) ? await this.#find(key) : none(key);
    return found === undefined ? undefined : { key, sizeBytes: found.sizeBytes };
  }

  async *list(prefix: string, { signal, after }: ListOptions): AsyncIterable<ObjectInfo> {
    if (!(await this.#begin(signal))) return;
    const folders = prefix.split('/').slice(0, -1);
    if (folders.some((part) => !isObjectKey(part))) return;
    if (!(await this.#isFolder(folders))) return;
    const folder = folders.length === 0 ? '' : `${folders.join('/')}/`;
    yield* this.#walk(folder, { prefix, after }, signal);
  }

  async remove(key: ObjectKey, { signal }: CallOptions): Promise<void> {
    const found = (await this.#begin(signal)) ? await this.#find(key) : none(key);
    if (found === undefined) return;
    await this.#told('remove', key, async () => {
      await rm(found.path, { force: true });
      await syncFolder(dirname(found.path));
    });
  }

  async *census({ signal }: CallOptions): AsyncIterable<StoredItem> {
    for await (const { key, sizeBytes } of this.list('', { signal }))
      yield { key, sizeBytes, state: 'current' };
    if (!(await this.#begin(signal)) || !(await this.#isFolder([UNFINISHED]))) return;
    const folder = join(this.#root, UNFINISHED);
    for (const name of await this.#told('list', UNFINISHED, () => readdir(folder))) {
      const stats = await this.#told('look for', name, () => lstatIfThere(join(folder, name)));
      if (stats !== undefined)
        yield { key: `${UNFINISHED}/${name}`, sizeBytes: stats.size, state: 'unfinished' };
    }
  }

  async sweep({
    signal,
    olderThanMs,
  }: CallOptions & { readonly olderThanMs: number }): Promise<number> {
    if (!(await this.#begin(signal)) || !(await this.#isFolder([UNFINISHED]))) return 0;
    const folder = join(this.#root, UNFINISHED);
    const before = this.#clock.now().epochMilliseconds - olderThanMs;
    let removed = 0;
    for (const name of await this.#told('list', UNFINISHED, () => readdir(folder))) {
      signal.throwIfAborted();
      const file = join(folder, name);
      const stats = await lstat(file).catch(() => undefined);
      if (stats === undefined || stats.mtimeMs > before) continue;
      await this.#told('remove', name, () => rm(file, { force: true }));
      removed++;
    }
    return removed;
  }

  /** False: there is no folder yet, and nobody has ever written to it. */
  async #begin(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#isOpen) return true;
    const names = await this.#told('open', '', () => namesIfThere(this.#root));
    if (names === undefined || names.length === 0) {
      if (await this.#wasUsed()) throw unmounted(this.description, this.#root);
      return names !== undefined;
    }
    this.#isOpen = true;
    return true;
  }

  async #make(signal: AbortSignal): Promise<void> {
    await this.#begin(signal);
    if (this.#isOpen) return;
    this.#making ??= this.#told('open', '', async () => {
      const first = await mkdir(join(this.#root, UNFINISHED), {
        recursive: true,
        mode: FOLDER_MODE,
      });
      if (first !== undefined) await this.#syncAbove(first);
    });
    try {
      await this.#making;
      this.#isOpen = true;
    } finally {
      // A folder that cannot be made now may be mounted later.
      this.#making = undefined;
    }
  }

  /** The store's own folder must survive a power cut, too, and those that were made above it. */
  async #syncAbove(firstMade: string): Promise<void> {
    for (let folder = this.#root; ; folder = dirname(folder)) {
      await syncFolder(folder);
      if (folder === dirname(firstMade) || folder === dirname(folder)) return;
    }
  }

  async #openUnfinished(): Promise<Unfinished> {
    const folder = join(this.#root, UNFINISHED);
    const path = join(folder, randomBytes(12).toString('hex'));
    const handle = await open(path, 'wx', FILE_MODE).catch(async (error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
      // Somebody tidied up, or a new disk is mounted. The store's own folder is not made again.
      await mkdir(folder, { mode: FOLDER_MODE });
      return await open(path, 'wx', FILE_MODE);
    });
    return new Unfinished(path, handle);
  }

  async #write(
    handle: FileHandle,
    key: ObjectKey,
    body: Readable,
    signal: AbortSignal,
  ): Promise<number> {
    let sizeBytes = 0;
    // What the body throws is the caller's own and passes untouched.
    for await (const chunk of collectBody(body, { signal })) {
      await this.#told('write', key, () => handle.writeFile(chunk));
      sizeBytes += chunk.length;
    }
    await this.#told('write', key, () => handle.sync());
    signal.throwIfAborted();
    return sizeBytes;
  }

  /** Makes the folders above the object, each a real one; answers the object's path. */
  async #makeFolders(key: ObjectKey): Promise<string> {
    let folder = this.#root;
    for (const part of key.split('/').slice(0, -1)) {
      const parent = folder;
      folder = join(folder, part);
      const made = await mkdir(folder, { mode: FOLDER_MODE }).then(
        () => true,
        (error: unknown) => {
          if (errorCode(error) === 'EEXIST') return false;
          throw error;
        },
      );
      if (!made && !(await lstat(folder)).isDirectory()) throw this.#notFolder(key, folder);
      // Also one that is there: who made it may have died before its name was durable.
      if (!made && this.#durable.has(folder)) continue;
      await syncFolder(parent);
      if (this.#durable.size >= DURABLE_MAX) this.#durable.clear();
      this.#durable.add(folder);
    }
    return join(this.#root, key);
  }

  async #holdsSame(key: ObjectKey, written: string, target: string): Promise<boolean> {
    const stats = await this.#told('compare', key, () => lstat(target));
    if (!stats.isFile()) throw this.#notFolder(key, target);
    return await this.#told('compare', key, () => sameBytes(written, target));
  }

  async #find(key: ObjectKey): Promise<{ path: string; sizeBytes: number } | undefined> {
    requireKey(key);
    const parts = key.split('/');
    if (!(await this.#isFolder(parts.slice(0, -1)))) return undefined;
    const path = join(this.#root, key);
    const stats = await this.#told('look for', key, () => lstatIfThere(path));
    return stats?.isFile() === true ? { path, sizeBytes: stats.size } : undefined;
  }

  /** False: it is not there, or the way to it is not made of real folders. */
  async #isFolder(parts: readonly string[]): Promise<boolean> {
    let folder = this.#root;
    await this.#told('open', '', () => stat(folder));
    for (const part of parts) {
      const next = join(folder, part);
      const stats = await this.#told('look into', next, () => lstatIfThere(next));
      if (stats?.isDirectory() !== true) return false;
      folder = next;
    }
    return true;
  }

  async *#walk(
    folder: string,
    wanted: { readonly prefix: string; readonly after: string | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const { prefix, after = '' } = wanted;
    const path = join(this.#root, folder);
    const entries = await this.#told('list', folder, () => readdir(path, { withFileTypes: true }));
    // With its slash a folder's name sorts where its keys do.
    for (const name of entries.flatMap(sortableName).toSorted()) {
      signal.throwIfAborted();
      const key = folder + name;
      if (!key.startsWith(prefix.slice(0, key.length))) continue;
      // Everything in a folder begins with its name: one that sorts before is not opened.
      if (key <= after && !after.startsWith(key)) continue;
      if (name.endsWith('/')) yield* this.#walk(key, wanted, signal);
      else if (key.startsWith(prefix) && key > after && isObjectKey(key)) {
        const stats = await lstatIfThere(join(this.#root, key));
        // Undefined: removed since the folder was read.
        if (stats !== undefined) yield { key, sizeBytes: stats.size };
      }
    }
  }

  #notFolder(key: ObjectKey, path: string): Problem {
    return new Problem(
      WRITE_REFUSED,
      `Cannot write "${key}": "${relative(this.#root, path)}" is in the way`,
      { facts: { key } },
    );
  }

  async #told<T>(action: string, what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storeProblem(error, { action, what, store: this.description });
    }
  }
}

/** A file that is being written: closed and gone when it leaves its block. */
class Unfinished implements AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close().catch(ignore);
    // One that stays is found by sweep().
    await rm(this.path, { force: true }).catch(ignore);
  }
}

/** Nothing is there, but a key must be one all the same. */
function none(key: ObjectKey): undefined {
  requireKey(key);
  return undefined;
}

async function never(): Promise<boolean> {
  return false;
}

/** Only real files and folders; what no key can name is not ours. */
function sortableName(entry: Dirent): string[] {
  if (!isObjectKey(entry.name)) return [];
  if (entry.isDirectory()) return [`${entry.name}/`];
  return entry.isFile() ? [entry.name] : [];
}

function ignore(): void {
  // Disposers do not throw; the reason stands where it is registered.
}
