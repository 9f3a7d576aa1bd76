/**
 * Asks the stores what there is to start from, and chooses. The store is the truth; the catalogue only
 * adds up to which moment the log is known to be complete.
 */
import type { BackupSummary, Engine } from '../engines/engine.ts';
import { noneReadable } from '../engines/unreadable.ts';
import type { WalArchive, WalInventory } from '../engines/wal-archive.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isLsn } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { type BaseChoice, chooseBase, type WalKnown } from './choose-base.ts';
import type { NamedStore, RecoveryDeps } from './deps.ts';
import type { Target } from './target.ts';

/** Longer than a living receiver takes to hear from an idle server. */
const SETTLE_MS = 35_000;
const ATTEMPT_MS = 500;
/** A receiver that told of nothing for longer is not at work: waiting for it is in vain. */
const ALIVE_MS = 60_000;

/** What it asks, of all that recovery is made of. */
export interface SurveyDeps extends Pick<RecoveryDeps, 'ring' | 'storesOf' | 'clock'> {
  readonly engine: Pick<Engine, 'listBackups'>;
  readonly walArchive: Pick<WalArchive, 'inventory'>;
  readonly catalog: Pick<RecoveryDeps['catalog'], 'walProgress' | 'backups'>;
}

export interface Survey {
  readonly store: NamedStore;
  readonly choice: BaseChoice;
  readonly warnings: readonly string[];
}

/**
 * `surveyStores()`, for a person who asks for a moment that has only just passed: the log of that moment
 * is on its way, so a refusal waits until a living receiver has stored it.
 */
export async function surveyOnceStored(
  deps: SurveyDeps,
  asked: { readonly server: ServerName; readonly target: Target },
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const beganMs = deps.clock.elapsedMs();
  for (;;) {
    const survey = await surveyStores(deps, asked, { signal });
    if (!isOnItsWay(survey.choice, deps.clock.now())) return survey;
    if (deps.clock.elapsedMs() - beganMs > SETTLE_MS) return survey;
    await deps.clock.sleep(ATTEMPT_MS, { signal });
  }
}

function isOnItsWay(choice: BaseChoice, now: Temporal.Instant): boolean {
  if (choice.outcome !== 'after last wal' || choice.at === undefined) return false;
  return now.epochMilliseconds - choice.at.epochMilliseconds < ALIVE_MS;
}

/**
 * The first store that can serve, else what the first one answers.
 *
 * @throws Problem STORAGE_*, KEY_*, DECRYPTION_FAILED when no store can be read.
 */
export async function surveyStores(
  deps: SurveyDeps,
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
  deps: SurveyDeps,
  { server, target, store }: AskedOfStore,
  signal: AbortSignal,
): Promise<Survey> {
  const access = { store: store.store, ring: deps.ring, signal };
  const listing = await deps.engine.listBackups({ ...access, server });
  const locked = noneReadable(listing, `restore "${server}"`, store.name);
  if (locked !== undefined) throw locked;
  const { backups, unreadable } = listing;
  const inventories = new Map<string, WalInventory>();
  for (const backup of backups) {
    if (inventories.has(backup.systemId)) continue;
    inventories.set(backup.systemId, await takeInventory(deps, access, backup));
  }
  const progress = await knownProgress(deps, server, store.name);
  const failed = await failedBackups(deps, server);
  const choice = chooseBase({ backups, inventories, progress, failed }, target);
  const warnings = [
    ...unreadable.map(({ key, reason }) => `Backup "${key}" cannot be read: ${reason}.`),
    ...backups.flatMap(({ backupId }) => (failed.has(backupId) ? sayFailed(backupId, choice) : [])),
  ];
  return { store, choice, warnings };
}

async function failedBackups(
  { catalog }: SurveyDeps,
  server: ServerName,
): Promise<ReadonlySet<string>> {
  const rows = (await catalog.backups?.list(server)) ?? [];
  return new Set(rows.flatMap((row) => (row.verdict === 'FAIL' ? [row.backupId] : [])));
}

function sayFailed(backupId: string, choice: BaseChoice): readonly string[] {
  if (choice.outcome !== 'found') return [];
  if (choice.base.backupId === backupId)
    return [`Backup ${backupId} failed its last proof or restore, and no other one serves.`];
  if (backupId < choice.base.backupId) return [];
  return [`Backup ${backupId} failed its last proof or restore, so an earlier one is used.`];
}

async function takeInventory(
  { walArchive }: SurveyDeps,
  access: Pick<Parameters<WalArchive['inventory']>[0], 'store' | 'ring' | 'signal'>,
  { server, major, systemId, segmentBytes }: BackupSummary,
): Promise<WalInventory> {
  return walArchive.inventory({ ...access, folder: { server, major, systemId }, segmentBytes });
}

async function knownProgress(
  { catalog }: SurveyDeps,
  server: ServerName,
  store: string,
): Promise<WalKnown | undefined> {
  const row = await catalog.walProgress.find(server, store);
  if (row === undefined || !isLsn(row.storedLsn)) return undefined;
  return { systemId: row.systemId, lsn: row.storedLsn, at: Temporal.Instant.from(row.at) };
}
