/**
 * Proves that what is stored can still be read with the keys there are: which generations the objects in
 * every store need, whether each can be read from every place it is kept in, and the oldest and newest
 * object of each decrypted. Reads only. Nothing remembered is believed: every place is asked anew.
 */

import { SEGMENT_BYTES } from '../encryption/format.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { combineVerdicts } from '../kernel/verdict.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import type { KeysDeps } from './deps.ts';
import { judgeKeys } from './judge.ts';
import { type LocatedObject, type NeededKey, neededKeys } from './needed.ts';
import { dangersOf, joinCopies, keyAtPlaces, lookAtPlaces, ringOfCopies } from './places.ts';
import type { KeyReport, KeysReport, KeyUse, Proof } from './report.ts';
import { openStored } from './stored-objects.ts';

interface Survey {
  readonly uses: readonly { readonly keyId: string; readonly use: KeyUse }[];
  readonly headersRead: number;
  readonly unclear: readonly { readonly server: string; readonly why: string }[];
}

export async function checkKeys(
  deps: KeysDeps,
  options: { readonly signal: AbortSignal },
): Promise<KeysReport> {
  const copies = await lookAtPlaces(deps.keeper, options);
  const joined = joinCopies(copies);
  const { uses, headersRead, unclear } = await survey(deps, ringOfCopies(joined), options);
  const currentKeyId = joined.order.at(-1) ?? null;
  const keyIds = [...new Set([...joined.order, ...uses.map(({ keyId }) => keyId)])];
  const keys = keyIds.map((keyId): KeyReport => {
    const own = uses.filter((one) => one.keyId === keyId).map(({ use }) => use);
    return {
      keyId,
      isCurrent: keyId === currentKeyId,
      namesWal: keyId === joined.order[0],
      objects: own.reduce((sum, { objects }) => sum + objects, 0),
      places: [...keyAtPlaces(keyId, copies, joined)],
      uses: own,
    };
  });
  const lost = joined.order.length > 0 ? [] : copies.flatMap(({ problem }) => problem ?? []);
  const issues = judgeKeys({ keys, dangers: dangersOf(copies), unclear, lost });
  return {
    action: 'check',
    verdict: combineVerdicts(['PASS', ...issues.map(({ verdict }) => verdict)]),
    currentKeyId,
    previousKeyId: null,
    keys,
    issues: [...issues],
    sampled: sampledText(headersRead),
    escrow: deps.keeper.escrow,
  };
}

function sampledText(headersRead: number): string {
  if (headersRead === 0) return 'Nothing is stored yet';
  return `${headersRead} headers were read: the ends of every backup, and of the WAL of each timeline its ends, 30 between them and every change; objects between two that agree are counted with them`;
}

async function survey(
  deps: KeysDeps,
  ring: KeyRing | undefined,
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const parts: Survey[] = [];
  for (const server of deps.servers) {
    for (const { name, store } of deps.storesOf(server))
      parts.push(await surveyStore({ server, name }, { ring, store, signal }));
  }
  return {
    uses: parts.flatMap(({ uses }) => uses),
    unclear: parts.flatMap(({ unclear }) => unclear),
    headersRead: parts.reduce((sum, { headersRead }) => sum + headersRead, 0),
  };
}

async function surveyStore(
  { server, name }: { readonly server: ServerName; readonly name: string },
  proving: Proving,
): Promise<Survey> {
  const { store, signal } = proving;
  const uses: { readonly keyId: string; readonly use: KeyUse }[] = [];
  try {
    const needed = await neededKeys({ store, server, signal });
    for (const one of needed.keys) {
      const use = await prove(one, proving);
      uses.push({ keyId: one.keyId, use: { server, store: name, ...use } });
    }
    const unclear = needed.unclear.map((why) => ({ server, why }));
    return { uses, unclear, headersRead: needed.headersRead };
  } catch (error) {
    signal.throwIfAborted();
    // One store that does not answer must not hide what the others need.
    if (!isProblem(error)) throw error;
    const why = `The store "${name}" could not be read: ${error.message}`;
    return { uses, unclear: [{ server, why }], headersRead: 0 };
  }
}

interface Proving {
  readonly ring: KeyRing | undefined;
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
}

async function prove(
  { keyId, kind, objects, oldest, newest }: NeededKey,
  proving: Proving,
): Promise<Omit<KeyUse, 'server' | 'store'>> {
  const first = await proveObject(oldest, keyId, proving);
  const isOne = oldest.key === newest.key;
  return {
    kind,
    objects,
    oldest: first,
    newest: isOne ? first : await proveObject(newest, keyId, proving),
  };
}

/** Its data key unwrapped, and its first MiB decrypted. */
async function proveObject(
  { key, systemId }: LocatedObject,
  keyId: string,
  { ring, store, signal }: Proving,
): Promise<Proof> {
  if (ring?.keyIds.includes(keyId) !== true)
    return { object: key, proved: false, problem: 'there is no such key' };
  try {
    const object = await openStored({ store, key, signal }, { ring, systemId });
    await object.readRange(0, SEGMENT_BYTES);
    return { object: key, proved: true, problem: null };
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error)) throw error;
    return { object: key, proved: isUnsure(error) ? null : false, problem: error.message };
  }
}

/** It is not there any more, or nobody answers: that says nothing of the key. */
function isUnsure({ kind }: Problem): boolean {
  return kind.retry !== 'never' || kind.code === OBJECT_MISSING.code;
}
