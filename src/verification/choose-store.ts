/**
 * From which store a proof restores. Nobody needs to ask for the others: without a wish it is the store
 * whose copies were proved longest ago, so that every store's turn comes. One that is away or empty is
 * passed over for the next, and the report says so.
 */
import type { BackupRecord } from '../catalog/records.ts';
import { concernsKeyFile, KEY_NOT_FOUND } from '../encryption/problems.ts';
import type { BackupListing, BackupSummary } from '../engines/engine.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { NamedStore } from '../recovery/deps.ts';
import type { VerificationDeps } from './deps.ts';
import { chooseBackup, type PassedOver } from './plan.ts';
import { BACKUP_UNKNOWN, NOTHING_TO_PROVE } from './problems.ts';

export interface ChosenCopy {
  readonly store: NamedStore;
  /** Why this store. */
  readonly why: string;
  /** Why this backup. */
  readonly which: string;
  readonly listing: BackupListing;
  readonly base: BackupSummary;
  readonly isNewest: boolean;
  readonly passedOver: readonly PassedOver[];
}

export interface CopyWish {
  readonly server: ServerName;
  /** The one that was asked for, or all of the server's. */
  readonly stores: readonly NamedStore[];
  readonly isAsked: boolean;
  /** Undefined: the newest. */
  readonly backup: string | undefined;
}

/** @throws Problem of the first store when no store serves: VERIFY_*, KEY_*, STORAGE_*, DECRYPTION_FAILED */
export async function chooseCopy(
  { recovery, catalog }: VerificationDeps,
  wish: CopyWish,
  { signal }: { readonly signal: AbortSignal },
): Promise<ChosenCopy> {
  const { server, stores, backup } = wish;
  const ordered = longestAgoFirst(stores, await catalog.backups.list(server));
  const { answer, passedOver, failure } = await tryStores(
    ordered,
    async (store) => {
      const access = { store: store.store, ring: recovery.ring, signal };
      const listing = await recovery.engine.listBackups({ ...access, server });
      const chosen = chooseBackup(listing, { server, store: store.name, backup });
      const which = backup === undefined ? 'the newest' : 'as asked';
      return { ...chosen, store, why: whyOf(wish), which, listing };
    },
    { signal },
  );
  if (answer !== undefined) return { ...answer, passedOver };
  throw failure ?? new TypeError(`Server "${server}" has no stores`);
}

interface Tried<T> {
  readonly answer: T | undefined;
  readonly passedOver: readonly PassedOver[];
  /** Of the first store that was passed over. */
  readonly failure: Problem | undefined;
}

/** Looks into one store after another until `work` answers something; what cannot be read is passed over. */
export async function tryStores<T>(
  stores: readonly NamedStore[],
  work: (store: NamedStore) => Promise<T | undefined>,
  { signal }: { readonly signal: AbortSignal },
): Promise<Tried<T>> {
  const passedOver: PassedOver[] = [];
  let failure: Problem | undefined;
  for (const store of stores) {
    try {
      const answer = await work(store);
      if (answer !== undefined) return { answer, passedOver, failure };
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error) || concernsKeyFile(error)) throw error;
      failure ??= error;
      passedOver.push({ store: store.name, verdict: verdictOf(error), reason: error.message });
    }
  }
  return { answer: undefined, passedOver, failure };
}

/** What was never proved comes first; the order of the config decides where nothing else does. Pure. */
export function longestAgoFirst(
  stores: readonly NamedStore[],
  rows: readonly BackupRecord[],
): readonly NamedStore[] {
  function provedAt({ name }: NamedStore): string {
    const moments = rows.flatMap(({ store, verifiedAt }) =>
      store === name && verifiedAt !== null ? [verifiedAt] : [],
    );
    return moments.toSorted().at(-1) ?? '';
  }
  return stores
    .map((store) => ({ store, at: provedAt(store) }))
    .toSorted((a, b) => {
      if (a.at === b.at) return 0;
      return a.at < b.at ? -1 : 1;
    })
    .map(({ store }) => store);
}

function whyOf({ isAsked, stores }: CopyWish): string {
  if (isAsked) return 'as asked';
  return stores.length === 1 ? 'its only store' : 'proved longest ago';
}

/** An empty store, or one that is away, says nothing against what is in the others. */
function verdictOf(error: Problem): PassedOver['verdict'] {
  const isEmpty = [NOTHING_TO_PROVE, BACKUP_UNKNOWN].some((kind) => isProblem(error, kind));
  if (isEmpty || error.kind.code.startsWith('STORAGE_')) return 'SKIPPED';
  return isProblem(error, KEY_NOT_FOUND) ? 'ERROR' : 'FAIL';
}
