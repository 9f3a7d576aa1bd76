/** How each store of a server stands, as the catalogue remembers it. The first takes everything; the others are copies. */
import { z } from 'zod';

import { backupEnds } from '../catalog/backup-ends.ts';
import type { BackupRecord, WalProgressRecord } from '../catalog/records.ts';
import { isAhead, secondsAhead } from '../kernel/clock-off.ts';

export const StoreStanding = z.strictObject({
  store: z.string(),
  /** Takes backups and log itself. */
  isFirst: z.boolean(),
  /** Whether the server keeps its log until this store has it, and `rpoSeconds` of the server heeds it. */
  counts: z.boolean(),
  backups: z.number(),
  lastBackupAt: z.string().nullable(),
  /** Backups that the first store has and this one lacks. */
  lateBackups: z.array(z.string()),
  /** When the oldest of those had ended. */
  lateSince: z.string().nullable(),
  /** Null: nothing is known of any log there. */
  storedLsn: z.string().nullable(),
  /** How long this store has lacked what the first has; 0: nothing. */
  behindSeconds: z.number().nullable(),
  /** What would be lost if the server and every other store were gone this moment. */
  rpoSeconds: z.number().nullable(),
});
export type StoreStanding = z.infer<typeof StoreStanding>;

/** As long as a slot waits for a store (`archiving/flush-limit.ts`). */
const LEFT_OUT_AFTER_SECONDS = 15 * 60;

export interface StoreFacts {
  /** In the order of the config. */
  readonly stores: readonly string[];
  readonly backups: readonly BackupRecord[];
  readonly progress: ReadonlyMap<string, WalProgressRecord>;
  readonly now: Temporal.Instant;
}

/** Pure. */
export function standingOfStores(facts: StoreFacts): readonly StoreStanding[] {
  const [firstStore = ''] = facts.stores;
  const first = facts.progress.get(firstStore);
  const inFirst = backupsIn(firstStore, facts.backups);
  return facts.stores.map((store) => {
    const isFirst = store === firstStore;
    const row = facts.progress.get(store);
    const backups = backupsIn(store, facts.backups);
    const ids = new Set(backups.map(({ backupId }) => backupId));
    const late = inFirst.filter(({ backupId }) => !ids.has(backupId));
    const behindSeconds = isFirst ? 0 : secondsBehind(first, row);
    return {
      store,
      isFirst,
      counts: isFirst || (behindSeconds !== null && behindSeconds < LEFT_OUT_AFTER_SECONDS),
      backups: ids.size,
      lastBackupAt: backupEnds(backups).at(-1) ?? null,
      lateBackups: late.map(({ backupId }) => backupId),
      lateSince: backupEnds(late).at(0) ?? null,
      storedLsn: row?.storedLsn ?? null,
      behindSeconds,
      rpoSeconds: row === undefined ? null : atRisk(row.at, facts.now),
    };
  });
}

/** The worst of those that count. Null: of the first nothing is known. */
export function worstRpo(stores: readonly StoreStanding[]): number | null {
  const counting = stores.filter(({ counts }) => counts);
  if (counting.some(({ isFirst, rpoSeconds }) => isFirst && rpoSeconds === null)) return null;
  return counting.reduce<number | null>(
    (worst, { rpoSeconds }) => (rpoSeconds === null ? worst : Math.max(worst ?? 0, rpoSeconds)),
    null,
  );
}

function backupsIn(wanted: string, backups: readonly BackupRecord[]): readonly BackupRecord[] {
  return backups.filter(({ store }) => store === wanted);
}

/** Null: there is no copy of the log yet, and there should be. */
function secondsBehind(
  first: WalProgressRecord | undefined,
  row: WalProgressRecord | undefined,
): number | null {
  if (first === undefined) return 0;
  if (row === undefined) return null;
  const isLevel =
    row.systemId === first.systemId &&
    row.timeline === first.timeline &&
    row.storedLsn === first.storedLsn;
  return isLevel ? 0 : secondsBetween(row.at, Temporal.Instant.from(first.at));
}

/** While it lies ahead, nothing was stored since our clock was set right: that is no zero. */
function atRisk(at: string, now: Temporal.Instant): number {
  return isAhead(at, now) ? Math.round(secondsAhead(at, now)) : secondsBetween(at, now);
}

function secondsBetween(from: string, to: Temporal.Instant): number {
  const seconds = to.since(Temporal.Instant.from(from)).total('seconds');
  return Math.max(0, Math.round(seconds * 1000) / 1000);
}
