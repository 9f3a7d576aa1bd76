/** Keeps a ring in one file: makes it, reads it, and adds a generation so that nothing can be lost. */
import { readdir, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { newKey, newKeyId } from './generations.ts';
import {
  generationsOf,
  isUnfinished,
  type KeyEntry,
  readKeyFile,
  replaceKeyFile,
  unreadable,
  writeFirstKeyFile,
} from './key-file.ts';
import { isUnfinishedLock, lockKeyFile } from './key-file-lock.ts';
import type { KeyKeeper, NewGeneration } from './key-keeper.ts';

/** Reading a small file costs nothing. */
const REFRESH_EVERY_MS = 10_000;

export function fileKeeper(
  path: string,
  { clock }: { readonly clock: Pick<Clock, 'now'> },
): KeyKeeper {
  return {
    description: `the key file "${path}"`,
    escrow: `Keep a copy of ${path} somewhere else: without it no backup can be read.`,
    refreshEveryMs: REFRESH_EVERY_MS,
    places: [
      {
        name: path,
        look: async () => {
          const { entries } = await readKeyFile(path);
          return { generations: generationsOf(entries), dangers: [] };
        },
      },
    ],
    load: async () => generationsOf((await readKeyFile(path)).entries),
    async create() {
      const entry = newEntry(clock);
      await writeFirstKeyFile(path, entry);
      return { keyId: entry.keyId, previousKeyId: undefined, places: [path] };
    },
    rotate: async () => await rotate(path, clock),
  };
}

async function rotate(named: string, clock: Pick<Clock, 'now'>): Promise<NewGeneration> {
  // Before anything is touched: a missing or open file is told in its own words.
  await readKeyFile(named);
  // A link stays a link: what it leads to is replaced.
  const path = await realpath(named);
  await using lock = await lockKeyFile(path);
  await removeUnfinished(path);
  const before = await readKeyFile(path);
  const entry = newEntry(clock);
  await replaceKeyFile(path, {
    entries: [...before.entries, entry],
    owner: before.owner,
    async confirm() {
      await lock.confirm();
      if ((await readKeyFile(path)).text !== before.text)
        throw unreadable(named, 'somebody has changed it meanwhile');
    },
  });
  await requireSame(named, [...before.entries, entry]);
  return {
    keyId: entry.keyId,
    previousKeyId: before.entries.at(-1)?.keyId,
    places: [named],
  };
}

/** What is used from now on is what is on disk, not what was meant to be there. */
async function requireSame(path: string, wanted: readonly KeyEntry[]): Promise<void> {
  const { entries } = await readKeyFile(path);
  if (JSON.stringify(entries) === JSON.stringify(wanted)) return;
  throw unreadable(path, 'it does not hold what was written to it');
}

/** Some hold keys, and nobody would ever look at them again. */
async function removeUnfinished(path: string): Promise<void> {
  for (const name of await readdir(dirname(path)))
    if (isUnfinished(path, name) || isUnfinishedLock(path, name))
      await rm(join(dirname(path), name), { force: true });
}

function newEntry(clock: Pick<Clock, 'now'>): KeyEntry {
  return {
    keyId: newKeyId(),
    key: newKey().toString('base64'),
    createdAt: utcText(clock.now()),
  };
}
