/**
 * Holds where they live: in the stores, so that they outlive the catalogue. Below the cluster's folder:
 *
 * ```
 * hold/<backupId>/<holdId>            an encrypted object, JSON: what `StoredHold` describes
 * hold/<backupId>/<holdId>.released   an encrypted object, JSON: what `StoredRelease` describes
 * ```
 *
 * Nothing is overwritten or removed: who releases needs no right to delete. The same bytes go to every
 * store, so that a copier finds nothing to argue about. A hold whose note cannot be read holds; a release
 * that cannot be read releases nothing.
 */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';

import type { KeyRing } from '../encryption/key-ring.ts';
import { encryptObject, openObject } from '../encryption/object.ts';
import { concernsKeyFile } from '../encryption/problems.ts';
import { canonicalJson, type Json } from '../kernel/codecs.ts';
import { isBackupId } from '../kernel/ids.ts';
import { isProblem } from '../kernel/problem.ts';
import { isObjectKey, type ObjectKey, type ObjectStore } from '../storage/object-store.ts';
import type { Hold } from './hold.ts';

export interface NamedStore {
  readonly name: string;
  readonly store: ObjectStore;
}

export interface HoldAccess {
  readonly ring: KeyRing;
  readonly signal: AbortSignal;
}

const moment = z.string().refine(isMoment);

const StoredHold = z.object({
  version: z.literal(1),
  backupId: z.string(),
  reason: z.string(),
  until: moment.nullable(),
  placedAt: moment,
  by: z.string(),
});

const StoredRelease = z.object({
  version: z.literal(1),
  holdId: z.string(),
  reason: z.string().nullable(),
  releasedAt: moment,
  by: z.string(),
});

export interface Release {
  readonly reason: string | null;
  readonly releasedAt: string;
  readonly by: string;
}

/** A note is a few lines. */
const NOTE_BYTES_MAX = 64 * 1024;

export function newHoldId(at: Temporal.Instant): string {
  const second = at.toString({ smallestUnit: 'second' }).replaceAll(/[-:]/g, '');
  return `${second}-${randomBytes(3).toString('hex')}`;
}

/** Puts the note into every store that takes it. Answers the stores that did not, with the reason. */
export async function placeHold(
  stores: readonly NamedStore[],
  { server, hold }: { readonly server: string; readonly hold: Hold },
  access: HoldAccess,
): Promise<readonly StoreFailure[]> {
  const { backupId, reason, until, placedAt, by } = hold;
  const note = { version: 1, backupId, reason, until, placedAt, by };
  return await putNote(stores, { server, hold, suffix: '', note }, access);
}

export async function releaseHold(
  stores: readonly NamedStore[],
  {
    server,
    hold,
    release,
  }: { readonly server: string; readonly hold: Hold; readonly release: Release },
  access: HoldAccess,
): Promise<readonly StoreFailure[]> {
  const note = { version: 1, holdId: hold.holdId, ...release };
  return await putNote(stores, { server, hold, suffix: RELEASED, note }, access);
}

export interface StoreFailure {
  readonly store: string;
  readonly reason: string;
}

interface Note {
  readonly server: string;
  readonly hold: Hold;
  readonly suffix: string;
  readonly note: Json;
}

/** @throws the first Problem when no store took it. */
async function putNote(
  stores: readonly NamedStore[],
  { server, hold, suffix, note }: Note,
  { ring, signal }: HoldAccess,
): Promise<readonly StoreFailure[]> {
  const key = holdKey(server, hold, suffix);
  const plain = [Buffer.from(canonicalJson(note))];
  const identity = { systemId: hold.systemId, name: key };
  const sealed = Buffer.concat(await Array.fromAsync(encryptObject(plain, { ring, identity })));
  const failures: StoreFailure[] = [];
  let first: unknown;
  for (const { name, store } of stores) {
    try {
      await store.put(key, Readable.from([sealed], { objectMode: false }), { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      first ??= error;
      failures.push({ store: name, reason: error.message });
    }
  }
  if (failures.length === stores.length) throw first;
  return failures;
}

const RELEASED = '.released';

function holdKey(
  server: string,
  { major, systemId, backupId, holdId }: Omit<Hold, 'reason' | 'until' | 'placedAt' | 'by'>,
  suffix: string,
): ObjectKey {
  const key = `${server}/${major}-${systemId}/hold/${backupId}/${holdId}${suffix}`;
  if (!isObjectKey(key)) throw new TypeError(`Not a key: "${key}"`);
  return key;
}

const HOLD = /^[^/]+\/(\d+)-(\d+)\/hold\/([^/]+)\/(\d{8}T\d{6}Z-[0-9a-f]{6})(\.released)?$/;

/** What the key of a hold or release says; undefined: it is something else. Pure. */
function parseHoldKey(key: string): (HoldName & { readonly isRelease: boolean }) | undefined {
  const [, major = '', systemId = '', backupId = '', holdId = '', suffix] = HOLD.exec(key) ?? [];
  if (!isBackupId(backupId)) return undefined;
  return { major: Number(major), systemId, backupId, holdId, isRelease: suffix === RELEASED };
}

type HoldName = Pick<Hold, 'major' | 'systemId' | 'backupId' | 'holdId'>;

/**
 * Every hold of a server in one store that is not released there; `released` names those that are,
 * because another store may not have heard of it.
 *
 * @throws Problem STORAGE_*; KEY_FILE_*
 */
export async function readHolds(
  store: ObjectStore,
  server: string,
  access: HoldAccess,
): Promise<{ readonly holds: readonly Hold[]; readonly released: readonly string[] }> {
  const keys: { readonly key: ObjectKey; readonly name: HoldName; readonly isRelease: boolean }[] =
    [];
  for await (const folder of clusterFolders(store, server, access))
    for await (const { key } of store.list(`${folder}hold/`, access)) {
      const name = parseHoldKey(key);
      if (name !== undefined) keys.push({ key, name, isRelease: name.isRelease });
    }
  const holds: Hold[] = [];
  const released: string[] = [];
  for (const { key, name, isRelease } of keys) {
    const note = await readNote(store, { key, systemId: name.systemId }, access);
    if (!isRelease) holds.push(holdOf(name, note));
    else if (isReleaseOf(name, note)) released.push(name.holdId);
  }
  return { holds, released };
}

/** Of several stores: a hold that one knows holds, a release that one knows releases. Pure. */
export function mergeHolds(
  found: readonly { readonly holds: readonly Hold[]; readonly released: readonly string[] }[],
): readonly Hold[] {
  const released = new Set(found.flatMap((one) => one.released));
  const holds = new Map<string, Hold>();
  for (const hold of found.flatMap((one) => one.holds)) {
    const known = holds.get(hold.holdId);
    if (known === undefined || known.by === UNKNOWN) holds.set(hold.holdId, hold);
  }
  return [...holds.values()]
    .filter(({ holdId }) => !released.has(holdId))
    .toSorted((a, b) => (a.holdId < b.holdId ? -1 : 1));
}

const UNKNOWN = 'unknown';

function holdOf(name: HoldName, note: unknown): Hold {
  const { major, systemId, backupId, holdId } = name;
  const own = { major, systemId, backupId, holdId };
  const read = StoredHold.safeParse(note);
  if (read.success && read.data.backupId === backupId) {
    const { reason, until, placedAt, by } = read.data;
    return { ...own, reason, until, placedAt, by };
  }
  const reason = 'its note cannot be read';
  return { ...own, reason, until: null, placedAt: placedAtOf(holdId), by: UNKNOWN };
}

function placedAtOf(holdId: string): string {
  const [, date = '', time = ''] = /^(\d{8})T(\d{6})Z/.exec(holdId) ?? [];
  return Temporal.Instant.from(`${date}T${time}Z`).toString({ fractionalSecondDigits: 6 });
}

function isReleaseOf({ holdId }: HoldName, note: unknown): boolean {
  const read = StoredRelease.safeParse(note);
  return read.success && read.data.holdId === holdId;
}

/** Undefined: it cannot be read, which is not the store's fault. */
async function readNote(
  store: ObjectStore,
  { key, systemId }: { readonly key: ObjectKey; readonly systemId: string },
  { ring, signal }: HoldAccess,
): Promise<unknown> {
  try {
    const identity = { systemId, name: key };
    const object = await openObject({ store, key, ring, identity, signal });
    const text = (await object.readAll({ maxBytes: NOTE_BYTES_MAX })).toString('utf8');
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (!isProblem(error) || error.kind.retry !== 'never' || concernsKeyFile(error)) throw error;
    return undefined;
  }
}

// `shop/15-7341…/`, each once. Skips from folder to folder, without listing what is in them.
export async function* clusterFolders(
  store: ObjectStore,
  server: string,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<string, void, undefined> {
  let after = `${server}/`;
  for (;;) {
    const folder = await firstFolder(store, server, { signal, after });
    if (folder === undefined) return;
    if (/^[^/]+\/\d+-\d+\/$/.test(folder)) yield folder;
    // Behind every key that begins with it: no character of a key comes after a tilde.
    after = `${folder}~`;
  }
}

async function firstFolder(
  store: ObjectStore,
  server: string,
  options: { readonly signal: AbortSignal; readonly after: string },
): Promise<string | undefined> {
  for await (const { key } of store.list(`${server}/`, options))
    return /^[^/]+\/[^/]+\//.exec(key)?.[0] ?? key;
  return undefined;
}

function isMoment(text: string): boolean {
  try {
    Temporal.Instant.from(text);
    return true;
  } catch {
    return false;
  }
}
