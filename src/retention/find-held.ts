/** Finds the backup that a hold means, and the holds of a server, in whatever stores answer. */
import { manifestKey } from '../engines/streaming/format.ts';
import { type BackupId, isBackupId, type ServerName } from '../kernel/ids.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { type RetentionDeps, serverNames } from './deps.ts';
import { type Hold, isInForce } from './hold.ts';
import { clusterFolders, mergeHolds, type NamedStore, readHolds } from './hold-store.ts';
import { BACKUP_UNKNOWN } from './problems.ts';

interface Options {
  readonly signal: AbortSignal;
}

export interface Cluster {
  readonly major: number;
  readonly systemId: string;
}

export interface FoundBackup {
  readonly server: ServerName;
  /** More than one only where two clusters began a backup in one second. */
  readonly clusters: readonly Cluster[];
}

/**
 * One that cannot be read is found, too: evidence is what people hold.
 *
 * @throws Problem RETENTION_BACKUP_UNKNOWN; STORAGE_* when a store that may have it does not answer
 */
export async function findBackup(
  deps: RetentionDeps,
  backupId: string,
  { signal }: Options,
): Promise<FoundBackup> {
  const unknown = new Problem(BACKUP_UNKNOWN, `Cannot find a backup "${backupId}" in any store`, {
    facts: { backupId },
  });
  if (!isBackupId(backupId)) throw unknown;
  let failed: Problem | undefined;
  for (const server of serverNames(deps)) {
    const { answers, failure } = await askStores(deps.storesOf(server), signal, async (store) =>
      clustersWith(store, { server, backupId, signal }),
    );
    failed ??= failure;
    const found = new Map(answers.flat().map((one) => [one.systemId, one]));
    if (found.size > 0) return { server, clusters: [...found.values()] };
  }
  throw failed ?? unknown;
}

async function clustersWith(
  { store }: NamedStore,
  {
    server,
    backupId,
    signal,
  }: { readonly server: ServerName; readonly backupId: BackupId } & Options,
): Promise<readonly Cluster[]> {
  const clusters: Cluster[] = [];
  for await (const folder of clusterFolders(store, server, { signal })) {
    const [, major = '', systemId = ''] = /\/(\d+)-(\d+)\/$/.exec(folder) ?? [];
    const cluster = { server, major: Number(major), systemId };
    const info = await store.stat(manifestKey(cluster, backupId), { signal });
    if (info !== undefined) clusters.push({ major: cluster.major, systemId });
  }
  return clusters;
}

/** In force now. A store that does not answer hides nothing that another one tells. */
export async function holdsOf(
  { storesOf, ring, clock }: RetentionDeps,
  server: ServerName,
  { signal }: Options,
): Promise<readonly Hold[]> {
  const { answers, failure } = await askStores(storesOf(server), signal, async ({ store }) =>
    readHolds(store, server, { ring, signal }),
  );
  if (answers.length === 0 && failure !== undefined) throw failure;
  return mergeHolds(answers).filter((hold) => isInForce(hold, clock.now()));
}

interface Answers<T> {
  readonly answers: readonly T[];
  readonly failure: Problem | undefined;
}

async function askStores<T>(
  stores: readonly NamedStore[],
  signal: AbortSignal,
  ask: (store: NamedStore) => Promise<T>,
): Promise<Answers<T>> {
  const answers: T[] = [];
  let failure: Problem | undefined;
  for (const store of stores) {
    try {
      answers.push(await ask(store));
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      failure ??= error;
    }
  }
  return { answers, failure };
}
