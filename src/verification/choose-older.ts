/**
 * Finds the older backup whose turn it is, and the store it is proved from. Looks at what every store lists
 * now, because an older one may have gone since anybody last looked.
 */
import type { BackupListing } from '../engines/engine.ts';
import { Problem } from '../kernel/problem.ts';
import type { NamedStore } from '../recovery/deps.ts';
import { type ChosenCopy, type CopyWish, longestAgoFirst, tryStores } from './choose-store.ts';
import type { VerificationDeps } from './deps.ts';
import { NO_OLDER } from './problems.ts';
import { chooseOlder, copiesInTurn } from './rota.ts';
import { listedBackups } from './rota-facts.ts';

/** @throws Problem VERIFY_NO_OLDER; of the first store when none can be listed: KEY_*, STORAGE_* */
export async function chooseOlderCopy(
  deps: VerificationDeps,
  { server, stores, isAsked }: Omit<CopyWish, 'backup'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<ChosenCopy> {
  const { recovery, catalog, tiersOf, zone = 'UTC' } = deps;
  const rows = await catalog.backups.list(server);
  const found: { readonly store: NamedStore; readonly listing: BackupListing }[] = [];
  const { passedOver, failure } = await tryStores(
    longestAgoFirst(stores, rows),
    async (store) => {
      const access = { store: store.store, ring: recovery.ring, signal };
      found.push({ store, listing: await recovery.engine.listBackups({ ...access, server }) });
      return undefined;
    },
    { signal },
  );
  if (found.length === 0 && failure !== undefined) throw failure;
  const listed = found.flatMap(({ store, listing }) =>
    listing.backups.map((summary) => ({ store: store.name, summary })),
  );
  const backups = listedBackups(listed, { server, rows, tiersOf });
  const turn = chooseOlder({ backups, keyIds: recovery.ring.keyIds, zone });
  if (turn === undefined) throw none(server, backups.length);
  const inTurn = copiesInTurn(turn.backup);
  const copy = found.find(({ store }) => store.name === inTurn[0]);
  const base = copy?.listing.backups.find(
    ({ backupId, systemId }) =>
      backupId === turn.backup.summary.backupId && systemId === turn.backup.summary.systemId,
  );
  if (copy === undefined || base === undefined) throw none(server, backups.length);
  const why = whyStore({ isAsked, known: stores.length, good: inTurn.length });
  return { ...copy, base, why, which: turn.which, isNewest: false, passedOver };
}

function none(server: string, known: number): Problem {
  const state =
    known === 0 ? 'there is none at all' : 'there is none besides the newest that stays';
  return new Problem(NO_OLDER, `Cannot prove an older backup of "${server}": ${state}`);
}

function whyStore({
  isAsked,
  known,
  good,
}: {
  readonly isAsked: boolean;
  readonly known: number;
  readonly good: number;
}): string {
  if (isAsked) return 'as asked';
  if (known === 1) return 'its only store';
  return good === 1 ? 'no other store has a good copy' : 'this copy was proved longest ago';
}
