/**
 * The log of one cluster over several stores: what one of them lacks another may have, and recovery may
 * take each file from whichever has it. Pure.
 */
import { compareLsn, type Lsn, lsnBytes } from '../kernel/lsn.ts';
import { segmentNameAt } from '../kernel/wal-name.ts';
import type { BackupSummary } from './engine.ts';
import { type LogEnds, ownLogEnd } from './own-log.ts';
import { findRuns } from './streaming/wal-runs.ts';
import type { WalInventory, WalRun } from './wal-archive.ts';

/** Runs that touch are one; `segments` and `storedBytes` count every store's own copies. */
export function joinInventories(
  inventories: readonly WalInventory[],
  segmentBytes: number,
): WalInventory {
  const pieces = inventories.flatMap(({ runs }) =>
    runs.map(({ timeline, fromLsn, toLsn }) => ({
      timeline,
      from: lsnBytes(fromLsn),
      to: lsnBytes(toLsn),
    })),
  );
  const thinned = inventories.flatMap((one) => one.thinned ?? []);
  const forks = inventories.flatMap((one) => one.forks ?? []);
  const isRead = inventories.some((one) => one.forks !== undefined);
  const { runs, holes } = findRuns(pieces, segmentBytes, thinned);
  return {
    runs,
    thinned,
    missing: holes.map(({ timeline, lsn }) => segmentNameAt(timeline, lsn, segmentBytes)),
    histories: [...new Set(inventories.flatMap(({ histories }) => histories))].toSorted(),
    ...(isRead ? { forks } : {}),
    segments: inventories.reduce((sum, { segments }) => sum + segments, 0),
    storedBytes: inventories.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
  };
}

type OwnLog = Pick<BackupSummary, 'timeline' | 'beginLsn'> & LogEnds<Lsn>;

/** Whether the log that belongs to the backup is there without a break: up to `ownLogEnd()`. */
export function isOwnLogStored(backup: OwnLog, runs: readonly WalRun[]): boolean {
  const end = ownLogEnd(backup);
  return runs.some(
    (run) =>
      run.timeline === backup.timeline &&
      compareLsn(run.fromLsn, backup.beginLsn) <= 0 &&
      compareLsn(run.toLsn, end) >= 0,
  );
}
