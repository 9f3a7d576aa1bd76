/**
 * Whether the backup that a plan names is still stored, asked when the run that reads it has its row:
 * from then on retention keeps it (`catalog/readers.ts`). What is being removed at this very moment is
 * waited for.
 */
import { untilNotRemoving } from '../catalog/readers.ts';
import type { BackupSummary } from '../engines/engine.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { RecoveryDeps } from './deps.ts';

export interface PlannedBase {
  readonly server: ServerName;
  readonly base: Pick<BackupSummary, 'backupId' | 'systemId'>;
  /** Names of the stores it may come from. */
  readonly stores: readonly string[];
}

/** @throws Problem STORAGE_*, KEY_* when no store that may have it can be read. */
export async function isStillStored(
  deps: Pick<RecoveryDeps, 'catalog' | 'clock' | 'engine' | 'ring' | 'storesOf'>,
  { server, base, stores }: PlannedBase,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { leases } = deps.catalog;
  if (leases !== undefined)
    await untilNotRemoving({ leases, clock: deps.clock }, server, { signal });
  let failure: Problem | undefined;
  for (const { name, store } of deps.storesOf(server)) {
    if (!stores.includes(name)) continue;
    try {
      const { backups } = await deps.engine.listBackups({ store, ring: deps.ring, server, signal });
      const { backupId, systemId } = base;
      if (backups.some((one) => one.backupId === backupId && one.systemId === systemId))
        return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return false;
}
