/** A ring in one or more places, and a store with a backup and WAL that its keys have sealed. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { Generations } from '../../src/encryption/generations.ts';
import type { KeyDanger, KeyKeeper } from '../../src/encryption/key-keeper.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { encryptObject } from '../../src/encryption/object.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { checkKeys } from '../../src/keys/check.ts';
import type { KeysDeps } from '../../src/keys/deps.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { fakeClock } from './fake-clock.ts';
import { objectKey } from './object-keys.ts';

const { signal } = new AbortController();
export const SERVER = 'shop';
if (!isServerName(SERVER)) throw new TypeError(SERVER);
const FOLDER = `${SERVER}/15-7341`;
const KEYS = new Map(['k1', 'k2', 'k3'].map((keyId) => [keyId, randomBytes(32)]));
export const BACKUP = `${FOLDER}/base/20261122T010000Z`;

/** What a place holds, oldest first. */
export function generations(...keyIds: readonly string[]): Generations {
  const keys = new Map(keyIds.map((keyId) => [keyId, keyOf(keyId)]));
  return { order: keyIds, keys, unreadable: new Map(), warnings: [] };
}

function keyOf(keyId: string): Buffer {
  return KEYS.get(keyId) ?? Buffer.alloc(32);
}

/** All of them, and another key under that name. */
export function withOther(keyId: string): Generations {
  return { ...ALL, keys: new Map([...ALL.keys, [keyId, randomBytes(32)] as const]) };
}

function ringOfOnly(keyId: string): KeyRing {
  return keyRing(new Map([[keyId, keyOf(keyId)]]));
}

interface PlaceSetting {
  readonly name: string;
  /** A problem: it does not answer. */
  readonly holds: Generations | Problem;
  readonly dangers?: readonly KeyDanger[];
}

export function depsOf(
  places: readonly PlaceSetting[],
  stores: readonly { readonly name: string; readonly store: ObjectStore }[],
): KeysDeps {
  const keeper: KeyKeeper = {
    description: 'a test',
    escrow: 'Keep it.',
    refreshEveryMs: 1000,
    places: places.map(({ name, holds, dangers = [] }) => ({
      name,
      async look() {
        if (holds instanceof Problem) throw holds;
        return { generations: holds, dangers };
      },
    })),
    load: unused,
    create: unused,
    rotate: unused,
  };
  const catalog = { findings: { open: unused, close: unused, list: unused } };
  return {
    keeper,
    ring: ringOfOnly('k1'),
    servers: [SERVER].filter(isServerName),
    storesOf: () => stores,
    catalog,
    clock: fakeClock(),
    log: silentLog,
  };
}

function unused(): never {
  throw new Error('A check does not do that');
}

export async function put(store: ObjectStore, name: string, keyId: string): Promise<void> {
  await putWith(store, name, ringOfOnly(keyId));
}

/** Sealed with a key that need not be one of `ALL`. */
export async function putWith(store: ObjectStore, name: string, ring: KeyRing): Promise<void> {
  const identity = { systemId: '7341', name };
  const sealed = encryptObject([Buffer.from(name)], { ring, identity });
  await store.put(objectKey(name), Readable.from(sealed), { signal });
}

/** One backup of `k1`, WAL of `k1` and then `k2`. */
export async function filled(): Promise<ObjectStore> {
  const store = memoryStore();
  await put(store, `${BACKUP}/pack-0001`, 'k1');
  await put(store, `${BACKUP}/pack-0002`, 'k1');
  await put(store, `${BACKUP}/manifest`, 'k1');
  await put(store, `${FOLDER}/hold/20261122T010000Z/20261123T010000Z-abcdef`, 'k2');
  // Nobody needs what did not end.
  await put(store, `${FOLDER}/base/20261123T010000Z/pack-0001`, 'k9');
  for (let number = 0; number < 6; number += 1)
    await put(store, walName(number), number < 4 ? 'k1' : 'k2');
  return store;
}

export function walName(number: number): string {
  const segment = `00000001000000000000000${number}`;
  return `${FOLDER}/wal/00000001/${segment}-${'0'.repeat(32)}`;
}

export const ALL = generations('k1', 'k2', 'k3');

export async function check(
  places: readonly PlaceSetting[],
  store: ObjectStore,
): Promise<Awaited<ReturnType<typeof checkKeys>>> {
  return await checkKeys(depsOf(places, [{ name: 'here', store }]), { signal });
}
