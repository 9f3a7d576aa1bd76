/** What a store holds of a server's backups: list them, check their packs, sweep what did not end. */
import { concernsKeyFile } from '../../encryption/problems.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import {
  isObjectKey,
  type ListOptions,
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
} from '../../storage/object-store.ts';
import { OBJECT_LOCKED, OBJECT_MISSING } from '../../storage/problems.ts';
import type {
  BackupListing,
  BackupSummary,
  CheckRequest,
  Engine,
  ObjectCheck,
  StoreAndKeys,
  UnreadableBackup,
} from '../engine.ts';
import {
  type BackupObject,
  backupIdInstant,
  manifestKey,
  packKey,
  parseBackupKey,
} from './format.ts';
import { openManifest, type PackEntry } from './manifest.ts';
import { decompressFrame } from './pack-format.ts';
import { openPack } from './pack-reader.ts';

export async function listBackups(
  request: Parameters<Engine['listBackups']>[0],
): Promise<BackupListing> {
  const backups: BackupSummary[] = [];
  const unreadable: UnreadableBackup[] = [];
  for await (const { info, object } of backupObjects(request)) {
    if (object.name !== 'manifest') continue;
    const read = await readSummary(request, info.key);
    if (read === undefined) continue;
    if ('summary' in read) backups.push(read.summary);
    else unreadable.push(read.unreadable);
  }
  backups.sort((a, b) => (a.beganAt < b.beganAt ? -1 : 1));
  return { backups, unreadable };
}

/** Those that cannot be read, where none can be; empty: some can, or there is none. */
export async function lockedBackups(
  request: Parameters<Engine['listBackups']>[0],
): Promise<readonly UnreadableBackup[]> {
  const locked: UnreadableBackup[] = [];
  for await (const { info, object } of backupObjects(request)) {
    if (object.name !== 'manifest') continue;
    const read = await readSummary(request, info.key);
    if (read === undefined) continue;
    if ('summary' in read) return [];
    locked.push(read.unreadable);
  }
  return locked;
}

type Read = { readonly summary: BackupSummary } | { readonly unreadable: UnreadableBackup };

/** Undefined: removed since its name was read. */
async function readSummary(request: ListRequest, key: ObjectKey): Promise<Read | undefined> {
  try {
    const { summary } = await openManifest({ ...request, key });
    return { summary };
  } catch (error) {
    // A store that cannot be reached now says nothing about this backup.
    if (!isProblem(error) || error.kind.retry !== 'never') throw error;
    if (concernsKeyFile(error)) throw error;
    if (error.kind.code === OBJECT_MISSING.code) return undefined;
    return { unreadable: { key, reason: error.message, problem: error } };
  }
}

type ListRequest = Parameters<Engine['listBackups']>[0];

export async function checkObjects(request: StoreAndKeys & CheckRequest): Promise<ObjectCheck> {
  const { summary, signal } = request;
  const damage: string[] = [];
  let [packs, readBytes] = [0, 0];

  async function look(work: () => Promise<number>): Promise<void> {
    signal.throwIfAborted();
    try {
      const bytes = await work();
      readBytes += bytes;
    } catch (error) {
      if (!isProblem(error) || error.kind.retry !== 'never') throw error;
      if (concernsKeyFile(error)) throw error;
      damage.push(error.message);
    }
  }

  await look(async () => {
    const key = manifestKey(summary, summary.backupId);
    const manifest = await openManifest({ ...request, key });
    const list = await manifest.postgresManifest();
    await manifest.proofPoint();
    for (const pack of manifest.packs) {
      packs++;
      await look(async () => await checkPack(request, pack, damage));
    }
    return list.length;
  });
  return { packs, readBytes, damage };
}

async function checkPack(
  request: StoreAndKeys & CheckRequest,
  entry: PackEntry,
  damage: string[],
): Promise<number> {
  const { store, summary, signal, depth } = request;
  const key = packKey(summary, summary.backupId, entry.name);
  const info = await store.stat(key, { signal });
  if (info !== undefined && info.sizeBytes !== entry.sizeBytes) {
    damage.push(`"${key}" has ${info.sizeBytes} bytes and should have ${entry.sizeBytes}`);
    return 0;
  }
  const pack = await openPack(request, summary, key, { signal });
  if (pack.frames.length !== entry.frames) {
    damage.push(`"${key}" has ${pack.frames.length} frames and should have ${entry.frames}`);
    return 0;
  }
  const [first] = pack.frames;
  if (first !== undefined) decompressFrame(await pack.object.readRange(0, first[0]), first[1], key);
  if (depth === 'first frame') return first?.[0] ?? 0;
  let readBytes = 0;
  for await (const plain of pack.object.stream()) readBytes += plain.length;
  return readBytes;
}

export async function sweepUnfinished(request: SweepRequest): Promise<number> {
  const { store, signal } = request;
  let removed = 0;
  const locked: Problem[] = [];
  let unclear: Problem | undefined;
  for (const keys of await findUnfinished(request)) {
    const [first] = keys;
    if (first === undefined) continue;
    try {
      // It may have been committed since the list was read, by a process that was only slow.
      if (await isCommitted(first, { store, signal })) continue;
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      // Where it cannot be told whether it is a backup, it stays; of the next one it may be told.
      unclear ??= error;
      continue;
    }
    for (const key of keys) {
      const refusal = await removeUnlessLocked(key, { store, signal });
      if (refusal === undefined) removed++;
      else locked.push(refusal);
    }
  }
  if (unclear !== undefined) throw unclear;
  const [problem] = locked;
  if (problem !== undefined) throw lockedPacks(locked, problem);
  return removed;
}

/** Answers why it stays. */
async function removeUnlessLocked(
  key: ObjectKey,
  { store, signal }: { readonly store: ObjectStore; readonly signal: AbortSignal },
): Promise<Problem | undefined> {
  try {
    await store.remove(key, { signal });
    return undefined;
  } catch (error) {
    if (isProblem(error, OBJECT_LOCKED)) return error;
    throw error;
  }
}

function lockedPacks(locked: readonly Problem[], first: Problem): Problem {
  const ends = locked.flatMap(({ facts: { until } }) => (typeof until === 'string' ? [until] : []));
  const until = ends.toSorted().at(-1);
  const more = locked.length > 1 ? `, and ${locked.length - 1} more` : '';
  return new Problem(OBJECT_LOCKED, `${first.message}${more}`, {
    facts: { packs: locked.length, ...(until === undefined ? {} : { until }) },
    cause: first,
  });
}

type SweepRequest = Parameters<Engine['sweepUnfinished']>[0];

/** The packs of each backup that has no manifest. */
async function findUnfinished(request: SweepRequest): Promise<readonly ObjectKey[][]> {
  const { backupId, olderThanMs, now } = request;
  const before = now.subtract({ milliseconds: Math.round(olderThanMs) });
  const unfinished = new Map<string, ObjectKey[]>();
  for await (const { info, object } of backupObjects(request)) {
    if (backupId !== undefined && object.backupId !== backupId) continue;
    const id = `${object.folder} ${object.backupId}`;
    // In order of keys the manifest comes before the packs.
    if (object.name === 'manifest') unfinished.set(id, []);
    const began = backupIdInstant(object.backupId);
    if (Temporal.Instant.compare(began, before) > 0) continue;
    const keys = unfinished.get(id);
    if (object.name === 'manifest') continue;
    if (keys === undefined) unfinished.set(id, [info.key]);
    else if (keys.length > 0) keys.push(info.key);
  }
  return [...unfinished.values()];
}

async function isCommitted(
  pack: ObjectKey,
  { store, signal }: { readonly store: ObjectStore; readonly signal: AbortSignal },
): Promise<boolean> {
  const key = pack.replace(/[^/]+$/, 'manifest');
  return isObjectKey(key) && (await store.stat(key, { signal })) !== undefined;
}

interface Found {
  readonly info: ObjectInfo;
  readonly object: BackupObject;
}

// Seeks from cluster folder to cluster folder: the log beside the backups, a hundred thousand segments
// maybe, is never walked.
async function* backupObjects({
  store,
  server,
  signal,
}: Parameters<Engine['listBackups']>[0]): AsyncGenerator<Found, void, undefined> {
  let after = '';
  for (;;) {
    const first = await firstAfter(store, { prefix: `${server}/`, after, signal });
    if (first === undefined) return;
    const [, folder] = /^([^/]+\/[^/]+\/)/.exec(first) ?? [];
    // No key has this character, and it sorts behind all that keys have.
    after = folder === undefined ? first : `${folder}~`;
    if (folder === undefined) continue;
    for await (const info of store.list(`${folder}base/`, { signal })) {
      const object = parseBackupKey(info.key);
      if (object !== undefined) yield { info, object };
    }
  }
}

async function firstAfter(
  store: ObjectStore,
  { prefix, ...options }: { readonly prefix: string } & ListOptions,
): Promise<ObjectKey | undefined> {
  for await (const { key } of store.list(prefix, options)) return key;
  return undefined;
}
