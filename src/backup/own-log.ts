/**
 * Whether the log that a backup needs is stored: without it the files alone are not consistent, and
 * nobody may count the backup among the good ones. Any store's log will do, for recovery takes each
 * segment from whichever store has it.
 */
import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { isOwnLogStored, joinInventories } from '../engines/joined-wal.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { isProblem } from '../kernel/problem.ts';
import type { BackupDeps } from './deps.ts';

export type OwnLogSummary = Pick<
  BackupSummary,
  'server' | 'major' | 'systemId' | 'segmentBytes' | 'timeline' | 'beginLsn' | 'endLsn'
>;

/** Null: a store that may have the rest does not answer. */
export async function readOwnLog(
  { walArchive, ring, storesOf }: Pick<BackupDeps, 'walArchive' | 'ring' | 'storesOf'>,
  backup: OwnLogSummary,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean | null> {
  const { server, major, systemId, segmentBytes, timeline, beginLsn, endLsn } = backup;
  const folder = { server, major, systemId };
  const range = { timeline, fromLsn: beginLsn, toLsn: endLsn };
  const inventories: WalInventory[] = [];
  let isOneSilent = false;
  for (const { store } of storesOf(server)) {
    try {
      const request = { store, ring, folder, segmentBytes, range, signal };
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
