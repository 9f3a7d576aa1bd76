/**
 * Backups as the stores have them, with what the catalogue remembers beside them. The store is the
 * truth; of a store that cannot be reached only what is remembered can be told.
 */
import type { BackupRecord } from '../catalog/records.ts';
import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { noneReadable } from '../engines/unreadable.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem } from '../kernel/problem.ts';
import type { BackupDeps } from './deps.ts';
import { StoredSummary } from './stored-summary.ts';

export interface FoundBackup {
  readonly summary: StoredSummary;
  readonly stores: readonly string[];
  readonly verified: { readonly verdict: string; readonly at: string } | null;
}

export interface Found {
  readonly backups: readonly FoundBackup[];
  readonly unreadable: readonly {
    readonly store: string;
    readonly key: string;
    readonly reason: string;
    readonly code: string | null;
    readonly hint: string | null;
  }[];
  readonly unreachable: readonly { readonly store: string; readonly reason: string }[];
}

export async function findBackups(
  deps: BackupDeps,
  server: ServerName,
  { signal }: { readonly signal: AbortSignal },
): Promise<Found> {
  const remembered = await deps.catalog.backups.list(server);
  const held: Held[] = [];
  const unreadable: Found['unreadable'][number][] = [];
  const unreachable: Found['unreachable'][number][] = [];
  for (const { name, store } of deps.storesOf(server)) {
    try {
      const listing = await deps.engine.listBackups({ store, ring: deps.ring, server, signal });
      held.push(...listing.backups.map((summary) => ({ store: name, summary })));
      for (const { key, reason, problem } of listing.unreadable)
        unreadable.push({
          store: name,
          key,
          reason,
          code: problem?.kind.code ?? null,
          hint: noneReadable(listing, 'read', name)?.hint ?? problem?.hint ?? null,
        });
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error) || concernsKeyFile(error)) throw error;
      unreachable.push({ store: name, reason: error.message });
      held.push(...rememberedOf(remembered, name));
    }
  }
  return { backups: mergeBackups(held, remembered), unreadable, unreachable };
}

interface Held {
  readonly store: string;
  readonly summary: BackupSummary | StoredSummary;
}

function rememberedOf(remembered: readonly BackupRecord[], store: string): readonly Held[] {
  return remembered.flatMap((row) => {
    const summary = StoredSummary.safeParse(row.summary);
    return row.store === store && summary.success ? [{ store, summary: summary.data }] : [];
  });
}

/** One line for each backup, however many stores hold it; oldest first. Pure. */
export function mergeBackups(
  held: readonly Held[],
  remembered: readonly BackupRecord[],
): readonly FoundBackup[] {
  const merged = new Map<string, { summary: StoredSummary; stores: string[] }>();
  for (const { store, summary } of held) {
    const id = `${summary.systemId} ${summary.backupId}`;
    const known = merged.get(id);
    if (known === undefined)
      merged.set(id, { summary: StoredSummary.parse(summary), stores: [store] });
    else known.stores.push(store);
  }
  return [...merged.values()]
    .toSorted((a, b) => (a.summary.beganAt < b.summary.beganAt ? -1 : 1))
    .map(({ summary, stores }) => ({
      summary,
      stores,
      verified: newestVerdict(summary, remembered),
    }));
}

function newestVerdict(
  { server, backupId }: StoredSummary,
  remembered: readonly BackupRecord[],
): FoundBackup['verified'] {
  let newest: FoundBackup['verified'] = null;
  for (const row of remembered) {
    if (row.server !== server || row.backupId !== backupId) continue;
    if (row.verdict === null || row.verifiedAt === null) continue;
    if (newest === null || newest.at < row.verifiedAt)
      newest = { verdict: row.verdict, at: row.verifiedAt };
  }
  return newest;
}
