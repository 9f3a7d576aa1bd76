/**
 * Asks the stores what there is to start from, and chooses. The store is the truth; the catalogue only
 * adds up to which moment the log is known to be complete.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isLsn } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { type BaseChoice, chooseBase, type WalKnown } from './choose-base.ts';
import type { NamedStore, RecoveryDeps } from './deps.ts';
import type { Target } from './target.ts';

export interface Survey {
  readonly store: NamedStore;
  readonly choice: BaseChoice;
  readonly warnings: readonly string[];
}

/**
 * The first store that can serve, else what the first one answers.
 *
 * @throws Problem STORAGE_* when no store can be read.
 */
export async function surveyStores(
  deps: RecoveryDeps,
  asked: { readonly server: ServerName; readonly target: Target },
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const warnings: string[] = [];
  let refused: Survey | undefined;
  let failure: Problem | undefined;
  for (const store of deps.storesOf(asked.server)) {
    try {
      const survey = await surveyStore(deps, { ...asked, store }, signal);
      if (survey.choice.outcome === 'found')
        return { ...survey, warnings: [...warnings, ...survey.warnings] };
      refused ??= survey;
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      failure ??= error;
      warnings.push(`Store ${store.name} cannot be used: ${error.message}.`);
    }
  }
  if (refused !== undefined) return refused;
  throw failure ?? new TypeError(`Server "${asked.server}" has no stores`);
}

interface AskedOfStore {
  readonly server: ServerName;
  readonly target: Target;
  readonly store: NamedStore;
}

async function surveyStore(
  deps: RecoveryDeps,
  { server, target, store }: AskedOfStore,
  signal: AbortSignal,
): Promise<Survey> {
  const access = { store: store.store, ring: deps.ring, signal };
  const { backups, unreadable } = await deps.engine.listBackups({ ...access, server });
  const inventories = new Map<string, WalInventory>();
  for (const backup of backups) {
    if (inventories.has(backup.systemId)) continue;
    inventories.set(backup.systemId, await takeInventory(deps, access, backup));
  }
  const progress = await knownProgress(deps, server, store.name);
  const choice = chooseBase({ backups, inventories, progress }, target);
  const warnings = unreadable.map(
    ({ key, reason }) => `Backup "${key}" cannot be read: ${reason}.`,
  );
  return { store, choice, warnings };
}

async function takeInventory(
  { walArchive }: RecoveryDeps,
  access: Pick<Parameters<RecoveryDeps['walArchive']['inventory']>[0], 'store' | 'ring' | 'signal'>,
  { server, major, systemId, segmentBytes }: BackupSummary,
): Promise<WalInventory> {
  return walArchive.inventory({ ...access, folder: { server, major, systemId }, segmentBytes });
}

async function knownProgress(
  { catalog }: RecoveryDeps,
  server: ServerName,
  store: string,
): Promise<WalKnown | undefined> {
  const row = await catalog.walProgress.find(server, store);
  if (row === undefined || !isLsn(row.storedLsn)) return undefined;
  return { systemId: row.systemId, lsn: row.storedLsn, at: Temporal.Instant.from(row.at) };
}
