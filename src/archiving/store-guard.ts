/**
 * Before anything is written to a store: the key must be the one that reads what is there, and no other
 * installation may be writing there under the same name. Two keys in one store would be noticed by
 * whoever restores, too late; two bots would thin out each other's backups.
 *
 * The owner is who the last of the objects `<server>/owner/<number>` names: whoever takes over puts one
 * more, so nothing needs to be removed, and of two that put the same number the store takes one. (Only a
 * bucket without conditional writes may take both; then the next look of the earlier one finds the other.)
 */
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';

import type { Catalog } from '../catalog/catalog.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { DECRYPTION_FAILED, KEY_NOT_FOUND } from '../encryption/problems.ts';
import { lockedBackups } from '../engines/streaming/backups.ts';
import type { Clock } from '../kernel/clock.ts';
import { canonicalJson, utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { isObjectKey, type ObjectKey, type ObjectStore } from '../storage/object-store.ts';
import { WRITE_REFUSED } from '../storage/problems.ts';
import { OTHER_KEY, STORE_OWNED } from './problems.ts';

export interface GuardedStore {
  readonly name: ServerName;
  readonly storeName: string;
  readonly store: ObjectStore;
  readonly ring: KeyRing;
}

export interface GuardDeps {
  readonly catalog: Pick<Catalog, 'installation' | 'findings'>;
  readonly clock: Pick<Clock, 'now'>;
}

interface Calling {
  readonly signal: AbortSignal;
}

/**
 * Claims a store that is nobody's yet.
 *
 * @throws Problem ARCHIVING_OTHER_KEY, ARCHIVING_STORE_OWNED, each with a finding that stays open until
 * it is over.
 */
export async function guardStore(
  guarded: GuardedStore,
  deps: GuardDeps,
  calling: Calling,
): Promise<void> {
  const problem = await findObstacle(guarded, deps, calling);
  const { findings } = deps.catalog;
  for (const { code } of [OTHER_KEY, STORE_OWNED])
    if (code !== problem?.kind.code) await findings.close(code, guarded.name);
  if (problem === undefined) return;
  const { kind, message: summary, hint } = problem;
  const [code, at] = [kind.code, utcText(deps.clock.now())];
  const finding: Finding = {
    code,
    server: guarded.name,
    severity: 'page',
    summary,
    hint,
    since: at,
  };
  await findings.open({ code, server: guarded.name, finding: { ...finding }, at });
  throw problem;
}

/**
 * The same for whoever only writes in passing: it is theirs to hear, and nothing to call people for.
 *
 * @throws Problem ARCHIVING_OTHER_KEY, ARCHIVING_STORE_OWNED
 */
export async function requireOwnStore(
  guarded: GuardedStore,
  deps: GuardDeps,
  calling: Calling,
): Promise<void> {
  const problem = await findObstacle(guarded, deps, calling);
  if (problem !== undefined) throw problem;
}

async function findObstacle(
  guarded: GuardedStore,
  deps: GuardDeps,
  calling: Calling,
): Promise<Problem | undefined> {
  return (await findOtherKey(guarded, calling)) ?? (await findOtherOwner(guarded, deps, calling));
}

/** One manifest that does not decrypt may be damaged; that all of them do not is the key. */
async function findOtherKey(
  { name, storeName, store, ring }: GuardedStore,
  { signal }: Calling,
): Promise<Problem | undefined> {
  const locked = await lockedBackups({ store, ring, server: name, signal });
  const problems = locked.flatMap(({ problem }) => problem ?? []);
  const isKey =
    problems.some((problem) => isProblem(problem, KEY_NOT_FOUND)) ||
    (problems.length > 1 && problems.every((problem) => isProblem(problem, DECRYPTION_FAILED)));
  const [newest] = problems.toReversed();
  if (!isKey || newest === undefined) return undefined;
  const count = locked.length === 1 ? 'the backup' : `all ${locked.length} backups`;
  return new Problem(
    OTHER_KEY,
    `Cannot write to "${storeName}" for "${name}": ${count} there cannot be read with the key "${ring.currentKeyId}", and should be: ${newest.message}`,
    { facts: { server: name, store: storeName, keyId: ring.currentKeyId }, cause: newest },
  );
}

async function findOtherOwner(
  guarded: GuardedStore,
  { catalog, clock }: GuardDeps,
  calling: Calling,
): Promise<Problem | undefined> {
  const own = await catalog.installation.id();
  const owner =
    (await readOwner(guarded, calling)) ??
    (await claimStore(guarded, { number: 1, own, at: utcText(clock.now()) }, calling));
  return owner.installation === own ? undefined : ownedBy(guarded, owner);
}

function ownedBy(
  { name, storeName }: Omit<GuardedStore, 'ring'>,
  owner: Owner,
  action = 'write to',
): Problem {
  const { host = 'another host', since = 'some time', installation } = owner;
  return new Problem(
    STORE_OWNED,
    `Cannot ${action} "${storeName}" for "${name}": another installation of dbdr writes there, on "${host}" since ${since}, and only one should`,
    { facts: { server: name, store: storeName, installation, host } },
  );
}

/**
 * Claims nothing: for whoever removes, and must not do so under the eyes of another installation, whose
 * restores and proofs this one cannot see.
 *
 * @throws Problem ARCHIVING_STORE_OWNED
 */
export async function requireNoOtherOwner(
  guarded: Omit<GuardedStore, 'ring'>,
  { catalog }: { readonly catalog: Pick<Catalog, 'installation'> },
  calling: Calling,
): Promise<void> {
  const owner = await readOwner(guarded, calling);
  if (owner === undefined || owner.installation === (await catalog.installation.id())) return;
  throw ownedBy(guarded, owner, 'remove from');
}

/**
 * From now on this installation writes there; the one before is told when it next begins.
 *
 * @throws Problem ARCHIVING_STORE_OWNED when a third one took over in the same moment
 */
export async function takeOverStore(
  guarded: Omit<GuardedStore, 'ring'>,
  { catalog, clock }: GuardDeps,
  calling: Calling,
): Promise<void> {
  const own = await catalog.installation.id();
  const owner = await readOwner(guarded, calling);
  if (owner?.installation !== own) {
    const number = (owner?.number ?? 0) + 1;
    const now = await claimStore(guarded, { number, own, at: utcText(clock.now()) }, calling);
    if (now.installation !== own) throw ownedBy(guarded, now, 'take over');
  }
  await catalog.findings.close(STORE_OWNED.code, guarded.name);
}

interface Owner {
  readonly number: number;
  readonly installation: string;
  readonly host?: string | undefined;
  readonly since?: string | undefined;
}

const OwnerNote = z.object({
  installation: z.string(),
  host: z.string().optional(),
  since: z.string().optional(),
});
const OWNER_BYTES_MAX = 4096;
/** As it was written first, the name said whose it is: then two could each put one of the same number. */
const OWNER_KEY = /\/owner\/(\d{6})(?:-([a-z0-9-]+))?$/;

async function readOwner(
  { name, store }: Pick<GuardedStore, 'name' | 'store'>,
  { signal }: Calling,
): Promise<Owner | undefined> {
  let last: ObjectKey | undefined;
  for await (const { key } of store.list(`${name}/owner/`, { signal }))
    if (OWNER_KEY.test(key)) last = key;
  return last === undefined ? undefined : await readOwnerAt(last, store, { signal });
}

async function readOwnerAt(
  key: ObjectKey,
  store: ObjectStore,
  { signal }: Calling,
): Promise<Owner> {
  const [, number = '', named] = OWNER_KEY.exec(key) ?? [];
  const body = await store.open(key, { signal, lengthBytes: OWNER_BYTES_MAX });
  const note = noteIn((await buffer(body)).toString());
  // A note that cannot be read is not ours for certain.
  const installation = named ?? note.installation ?? 'unknown';
  return { ...note, number: Number(number), installation };
}

function noteIn(text: string): Partial<z.infer<typeof OwnerNote>> {
  try {
    return OwnerNote.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    return {};
  }
}

/** Answers who has that number now: whoever put it first. */
async function claimStore(
  { name, store }: Pick<GuardedStore, 'name' | 'store'>,
  { number, own, at }: { readonly number: number; readonly own: string; readonly at: string },
  { signal }: Calling,
): Promise<Owner> {
  const key = `${name}/owner/${String(number).padStart(6, '0')}`;
  if (!isObjectKey(key)) throw new TypeError(`Not a key: "${key}"`);
  const note = { installation: own, host: hostname(), since: at };
  const body = Readable.from([Buffer.from(`${canonicalJson(note)}\n`)]);
  try {
    await store.put(key, body, { signal });
  } catch (error) {
    // Somebody was quicker, maybe another process of this installation: what is there says who.
    if (!isProblem(error, WRITE_REFUSED)) throw error;
  }
  return await readOwnerAt(key, store, { signal });
}
