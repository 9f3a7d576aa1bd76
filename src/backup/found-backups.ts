/**
 * Backups as the stores have them, with what the catalogue remembers beside them. The store is the
 * truth; of a store that cannot be reached only what is remembered can be told. A verdict belongs to a
 * copy: the same backup may be sound in one store and damaged in another.
 */
import type { BackupRecord } from '../catalog/records.ts';
import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { noneReadable } from '../engines/unreadable.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem } from '../kernel/problem.ts';
import type { BackupDeps } from './deps.ts';
import { StoredSummary } from './stored-summary.ts';

export interface Verified {
  readonly verdict: string;
  readonly at: string;
}

export interface FoundCopy {
  readonly store: string;
  readonly verified: Verified | null;
  /** Why its manifest cannot be read; null: it can. */
  readonly unreadable: string | null;
}

export interface FoundBackup {
  readonly summary: StoredSummary;
  /** Where it can be read. */
  readonly stores: readonly string[];
  /** The newest FAIL of any copy, else the newest verdict: a good copy does not hide a bad one. */
  readonly verified: Verified | null;
  readonly copies: readonly FoundCopy[];
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
  return { backups: mergeBackups({ held, remembered, unreadable }), unreadable, unreachable };
}

export interface Held {
  readonly store: string;
  readonly summary: BackupSummary | StoredSummary;
}

function rememberedOf(remembered: readonly BackupRecord[], store: string): readonly Held[] {
  return remembered.flatMap((row) => {
    const summary = StoredSummary.safeParse(row.summary);
    return row.store === store && summary.success ? [{ store, summary: summary.data }] : [];
  });
}

export interface Merging {
  readonly held: readonly Held[];
  readonly remembered: readonly BackupRecord[];
  readonly unreadable: readonly Pick<Found['unreadable'][number], 'store' | 'key' | 'reason'>[];
}

/** One line for each backup, however many stores hold it; oldest first. Pure. */
export function mergeBackups(merging: Merging): readonly FoundBackup[] {
  const merged = new Map<string, { summary: StoredSummary; stores: string[] }>();
  for (const { store, summary } of merging.held) {
    const id = `${summary.systemId} ${summary.backupId}`;
    const known = merged.get(id);
    if (known === undefined)
      merged.set(id, { summary: StoredSummary.parse(summary), stores: [store] });
    else known.stores.push(store);
  }
  return [...merged.values()]
    .toSorted((a, b) => (a.summary.beganAt < b.summary.beganAt ? -1 : 1))
    .map(({ summary, stores }) => {
      const copies = copiesOf(summary, stores, merging);
      return { summary, stores, verified: overall(copies), copies };
    });
}

function copiesOf(
  summary: StoredSummary,
  stores: readonly string[],
  { remembered, unreadable }: Merging,
): readonly FoundCopy[] {
  const { server, backupId, systemId } = summary;
  function verified(store: string): Verified | null {
    const row = remembered.find(
      (one) => one.server === server && one.backupId === backupId && one.store === store,
    );
    if (row === undefined || row.verdict === null || row.verifiedAt === null) return null;
    return { verdict: row.verdict, at: row.verifiedAt };
  }
  const readable = stores.map((store) => ({ store, verified: verified(store), unreadable: null }));
  const others = unreadable
    .filter(({ key }) => key.includes(`-${systemId}/`) && key.includes(`/${backupId}/`))
    .map(({ store, reason }) => ({ store, verified: verified(store), unreadable: reason }));
  return [...readable, ...others];
}

function overall(copies: readonly FoundCopy[]): Verified | null {
  const verdicts = copies
    .flatMap(({ verified }) => verified ?? [])
    .toSorted((a, b) => (a.at < b.at ? 1 : -1));
  return verdicts.find(({ verdict }) => verdict === 'FAIL') ?? verdicts[0] ?? null;
}
