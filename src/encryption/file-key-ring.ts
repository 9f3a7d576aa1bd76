/** A key ring kept in one file (`key-file.ts`), read once; and a ring of keys that are at hand already. */
import { type Clock, systemClock } from '../kernel/clock.ts';
import { fileKeeper } from './file-keeper.ts';
import { ringOf } from './generations.ts';
import { generationsOf, readKeyFile } from './key-file.ts';
import type { KeyRing } from './key-ring.ts';

/** Makes a key file with one new key. @throws Problem KEY_FILE_EXISTS; nothing is overwritten. */
export async function createKeyFile(path: string, clock: Clock = systemClock): Promise<void> {
  await fileKeeper(path, { clock }).create({ signal: new AbortController().signal });
}

/** @throws Problem KEY_FILE_MISSING, KEY_FILE_MODE, KEY_UNREADABLE */
export async function openFileKeyRing(path: string): Promise<KeyRing> {
  const { entries } = await readKeyFile(path);
  return ringOf(generationsOf(entries));
}

/** Oldest first: for tests, and for whoever has the keys already. */
export function keyRing(keys: ReadonlyMap<string, Buffer>): KeyRing {
  return ringOf({ order: [...keys.keys()], keys, unreadable: new Map(), warnings: [] });
}
