/**
 * Whether the log that belongs to a backup is stored: without it the files alone are not consistent, and
 * nobody may count the backup among the good ones. Any store's log will do, for recovery takes each
 * segment from whichever store has it.
 */
import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { isOwnLogStored, joinInventories } from '../engines/joined-wal.ts';
import { type LogEnds, ownLogEnd } from '../engines/own-log.ts';
import type { WalArchive, WalInventory } from '../engines/wal-archive.ts';
import type { Lsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { BackupDeps } from './deps.ts';

export type OwnLogSummary = Pick<
  BackupSummary,
  'server' | 'major' | 'systemId' | 'segmentBytes' | 'timeline' | 'beginLsn'
> &
  LogEnds<Lsn>;

export interface OwnLogArrival {
  readonly store: ObjectStore;
  readonly backup: OwnLogSummary;
  /** Resolves when the store has the log up to there, whatever lies before it. */
  readonly untilStored: (lsn: Lsn, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Whether that store has it all, once what is on its way has come. Who stores it tells of a position and
 * not of what lies before it (a slot that was lost and made anew leaves a hole): what is listed decides.
 */
export async function waitForOwnLog(
  { walArchive, ring }: Pick<BackupDeps, 'walArchive' | 'ring'>,
  { store, backup, untilStored, signal }: OwnLogArrival,
): Promise<boolean> {
  async function isThere(): Promise<boolean> {
    const { runs } = await walArchive.inventory({ ...ownLogOf(backup), store, ring, signal });
    return isOwnLogStored(backup, runs);
  }
  if (await isThere()) return true;
  await untilStored(ownLogEnd(backup), { signal });
  return await isThere();
}

function ownLogOf(
  backup: OwnLogSummary,
): Pick<Parameters<WalArchive['inventory']>[0], 'folder' | 'segmentBytes' | 'range'> {
  const { server, major, systemId, segmentBytes, timeline, beginLsn } = backup;
  const range = { timeline, fromLsn: beginLsn, toLsn: ownLogEnd(backup) };
  return { folder: { server, major, systemId }, segmentBytes, range };
}

/** Null: a store that may have the rest does not answer. */
export async function readOwnLog(
  { walArchive, ring, storesOf }: Pick<BackupDeps, 'walArchive' | 'ring' | 'storesOf'>,
  backup: OwnLogSummary,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean | null> {
  const { server, segmentBytes } = backup;
  const inventories: WalInventory[] = [];
  let isOneSilent = false;
  for (const { store } of storesOf(server)) {
    try {
      const request = { ...ownLogOf(backup), store, ring, signal };
      const inventory = await walArchive.inventory(request);
      // The usual case: the first store has it all, and the others need not be asked.
      if (isOwnLogStored(backup, inventory.runs)) return true;
      inventories.push(inventory);
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error) || concernsKeyFile(error)) throw error;
      isOneSilent = true;
    }
  }
  if (isOwnLogStored(backup, joinInventories(inventories, segmentBytes).runs)) return true;
  return isOneSilent ? null : false;
}
