/**
 * Takes a scratch cluster back: ends its PostgreSQL, removes its folders. Repeatable, works from any
 * process and after any crash, and removes nothing that we did not make.
 */
import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Json } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { PLACE_FILES, readScratchPlace, type ScratchPlace, tablespacesOf } from './place.ts';
import { endPostmaster, findPostmaster } from './processes.ts';

const REMOVE_RETRIES = 10;

/** Resolves when nothing of it runs and nothing of it is on disk. */
export async function destroyScratch(place: ScratchPlace): Promise<void> {
  const pid = await findPostmaster(place);
  if (pid !== undefined) await endPostmaster(pid, 'immediate');
  await removeTree(place.socketFolder);
  if (existsSync(join(place.folder, PLACE_FILES.owned))) {
    await emptyDirectory(place.dataDirectory);
    await removeTree(tablespacesOf(place));
  }
  // Last: it holds the note that says what else is ours.
  await removeTree(place.folder);
}

/** Ends the cluster and keeps its files. */
export async function stopScratch(place: ScratchPlace): Promise<void> {
  const pid = await findPostmaster(place);
  if (pid !== undefined) await endPostmaster(pid, 'fast');
}

export const SCRATCH_CLUSTER = 'scratch cluster';

/** What the gate's list of sweepers takes. */
export const scratchClusterSweeper = {
  kind: SCRATCH_CLUSTER,

  async sweep(
    reference: { readonly [key: string]: Json },
    { log }: { readonly signal: AbortSignal; readonly log: Log },
  ): Promise<void> {
    const place = readScratchPlace(reference);
    if (place === undefined) {
      log.warn('Scratch cluster left alone: its place makes no sense', { reference });
      return;
    }
    await destroyScratch(place);
    log.info('Scratch cluster removed', { folder: place.folder });
  },
};

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: REMOVE_RETRIES, retryDelay: 50 });
}

/** The folder itself may have been there before us; its contents were not. */
async function emptyDirectory(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names) await removeTree(join(path, name));
  await rmdir(path).catch(() => undefined);
}
