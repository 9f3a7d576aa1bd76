/**
 * Proves that what is stored can still be read with the keys there are: which generations the objects in
 * every store need, whether each can be read from every place it is kept in, and the oldest and newest
 * object of each decrypted. Reads only. Nothing remembered is believed: every place is asked anew, and
 * where two hold different keys under one name, each is tried.
 */

import { keyRing } from '../encryption/file-key-ring.ts';
import { SEGMENT_BYTES } from '../encryption/format.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { combineVerdicts } from '../kernel/verdict.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import type { KeysDeps } from './deps.ts';
import { judgeKeys } from './judge.ts';
import { type LocatedObject, type NeededKey, neededKeys } from './needed.ts';
import {
  dangersOf,
  differingOf,
  type Holders,
  holdersOf,
  keyAtPlaces,
  lookAtPlaces,
  orderOf,
  type PlaceCopy,
} from './places.ts';
import type { KeyReport, KeysReport, KeyUse, Proof } from './report.ts';
import { openStored } from './stored-objects.ts';

interface Survey {
  readonly uses: readonly { readonly keyId: string; readonly use: KeyUse }[];
  readonly headersRead: number;
  readonly unclear: readonly { readonly server: string; readonly why: string }[];
  /** Every store has told what it holds. */
  readonly isWhole: boolean;
}

/** Which key is in whose hands, and which of them have decrypted something. */
class Hands {
  readonly opened = new Set<Holders>();
  readonly #copies: readonly PlaceCopy[];
  readonly #known = new Map<string, readonly Holders[]>();

  constructor(copies: readonly PlaceCopy[]) {
    this.#copies = copies;
  }

  /** The same ones each time. */
  of(keyId: string): readonly Holders[] {
    const holders = this.#known.get(keyId) ?? holdersOf(keyId, this.#copies);
    this.#known.set(keyId, holders);
    return holders;
  }
}

export async function checkKeys(
  deps: KeysDeps,
  options: { readonly signal: AbortSignal },
): Promise<KeysReport> {
  const copies = await lookAtPlaces(deps.keeper, options);
  const hands = new Hands(copies);
  const order = orderOf(copies);
  const { uses, headersRead, unclear, isWhole } = await survey(deps, hands, options);
  const currentKeyId = order.at(-1) ?? null;
  const keyIds = [...new Set([...order, ...uses.map(({ keyId }) => keyId)])];
  const keys = keyIds.map((keyId): KeyReport => {
    const own = uses.filter((one) => one.keyId === keyId).map(({ use }) => use);
    const proofs = own.flatMap(({ oldest, newest }) => [oldest, newest]);
    const { opened } = hands;
    const differing = differingOf({ keyId, holders: hands.of(keyId), opened, proofs, isWhole });
    return {
      keyId,
      isCurrent: keyId === currentKeyId,
      namesWal: keyId === order[0],
      objects: own.reduce((sum, { objects }) => sum + objects, 0),
      places: [...keyAtPlaces(keyId, copies, differing)],
      uses: own,
    };
  });
  const lost = order.length > 0 ? [] : copies.flatMap(({ problem }) => problem ?? []);
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
  hands: Hands,
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const parts: Survey[] = [];
  for (const server of deps.servers) {
    for (const { name, store } of deps.storesOf(server))
      parts.push(await surveyStore({ server, name }, { hands, store, signal }));
  }
  return {
    uses: parts.flatMap(({ uses }) => uses),
    unclear: parts.flatMap(({ unclear }) => unclear),
    headersRead: parts.reduce((sum, { headersRead }) => sum + headersRead, 0),
    isWhole: parts.every(({ isWhole }) => isWhole),
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
    return { uses, unclear, headersRead: needed.headersRead, isWhole: true };
  } catch (error) {
    signal.throwIfAborted();
    // One store that does not answer must not hide what the others need.
    if (!isProblem(error)) throw error;
    const why = `The store "${name}" could not be read: ${error.message}`;
    return { uses, unclear: [{ server, why }], headersRead: 0, isWhole: false };
  }
}

interface Proving {
  readonly hands: Hands;
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

/** Its data key unwrapped, and its first MiB decrypted, with whichever place's key does it. */
async function proveObject(
  object: LocatedObject,
  keyId: string,
  { hands, store, signal }: Proving,
): Promise<Proof> {
  let told: Proof = { object: object.key, proved: false, problem: 'there is no such key' };
  for (const holders of hands.of(keyId)) {
    told = await proveWith(object, { keyId, key: holders.key, store, signal });
    if (told.proved === true) hands.opened.add(holders);
    // Who can say that the next key is no better?
    if (told.proved !== false) return told;
  }
  return told;
}

interface Trial extends Omit<Proving, 'hands'> {
  readonly keyId: string;
  /** Secret. */
  readonly key: Buffer;
}

async function proveWith(
  { key: name, systemId }: LocatedObject,
  { keyId, key, store, signal }: Trial,
): Promise<Proof> {
  try {
    const ring = keyRing(new Map([[keyId, key]]));
    const object = await openStored({ store, key: name, signal }, { ring, systemId });
    await object.readRange(0, SEGMENT_BYTES);
    return { object: name, proved: true, problem: null };
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error)) throw error;
    return { object: name, proved: isUnsure(error) ? null : false, problem: error.message };
  }
}

/** It is not there any more, or nobody answers: that says nothing of the key. */
function isUnsure({ kind }: Problem): boolean {
  return kind.retry !== 'never' || kind.code === OBJECT_MISSING.code;
}
