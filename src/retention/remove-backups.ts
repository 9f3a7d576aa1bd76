/**
 * Removes one backup: its manifest first, so that what is half gone is never listed, then its packs.
 * Under the removal lease it is decided once more with everything that can have changed: a reader, a
 * hold, a verdict. The packs are claimed before the manifest goes, so that a death leaves no residue.
 * Other stores follow the first: a copier must never bring back from there what was removed here.
 */
import { z } from 'zod';

import type { ClusterFolder } from '../engines/engine.ts';
import { manifestKey, parseBackupKey } from '../engines/streaming/format.ts';
import { clusterPrefix } from '../engines/streaming/wal-format.ts';
import type { Run, Sweeper } from '../gate/operation.ts';
import { type BackupId, isBackupId, isServerName, type ServerName } from '../kernel/ids.ts';
import type { Problem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { backupName, type RetentionFacts } from './facts.ts';
import { refreshFacts } from './gather.ts';
import type { NamedStore } from './hold-store.ts';
import { type Decision, planRetention } from './plan.ts';
import { type Refusal, type Remover, tryRemove, whileRemoving } from './removing.ts';
import type { RemovedJson, RetentionResult } from './schema.ts';

/** What a removal adds up as it goes. */
export interface Tally {
  removedObjects: number;
  freedBytes: number;
  lockedObjects: number;
  readonly stayed: RetentionResult['stayed'];
  /** By store: why nothing more is tried there. */
  readonly refused: Map<string, Refusal['problem']>;
}

export interface Removal extends Remover {
  readonly run: Run;
  readonly stores: readonly NamedStore[];
  readonly tally: Tally;
}

/** Answers the facts without what is gone now. */
export async function removeBackup(
  removal: Removal,
  planned: RemovedJson,
  facts: RetentionFacts,
): Promise<RetentionFacts> {
  const { backupId } = planned;
  if (!isBackupId(backupId)) throw new TypeError(`Not a backup's id: "${backupId}"`);
  const { server, deps, signal } = removal;
  const place = { folder: { ...planned, server }, backupId };
  const unlisted = await whileRemoving(removal, async (moment) => {
    const decision = planRetention(await refreshFacts(deps, facts, { signal }));
    const why = whyItStays(decision, planned);
    if (why === undefined) return await removeManifests(removal, place, moment);
    for (const store of planned.stores) removal.tally.stayed.push({ backupId, store, why });
    return [];
  });
  for (const { store, claim } of unlisted) {
    await removePacks(removal, store, place);
    await removal.run.release(claim);
  }
  const gone = new Set(unlisted.map(({ store }) => store.name));
  return withoutCopies(facts, backupName(planned), gone);
}

/** Undefined: it may go, now as when it was planned. */
function whyItStays({ keep, remove, blocked }: Decision, planned: RemovedJson): string | undefined {
  const name = backupName(planned);
  if (remove.some((one) => backupName(one) === name)) return undefined;
  const kept = keep.find((one) => backupName(one) === name);
  if (kept === undefined) return 'it is not there any more';
  return [...blocked, ...kept.reasons].join('; ');
}

interface BackupPlace {
  readonly folder: ClusterFolder;
  readonly backupId: BackupId;
}

interface Unlisted {
  readonly store: NamedStore;
  /** Of its packs. */
  readonly claim: string;
}

async function removeManifests(
  removal: Removal,
  { folder, backupId }: BackupPlace,
  signal: AbortSignal,
): Promise<readonly Unlisted[]> {
  const { deps, run, server, stores, tally } = removal;
  const key = manifestKey(folder, backupId);
  const unlisted: Unlisted[] = [];
  for (const named of stores) {
    const { name, store } = named;
    const info = await store.stat(key, { signal });
    if (info === undefined) continue;
    const before = tally.refused.get(name);
    if (before !== undefined) {
      tally.stayed.push({ backupId, store: name, why: before.message });
      if (named === stores[0]) return followers(removal, backupId, name);
      continue;
    }
    const reference = {
      server,
      store: name,
      backupId,
      major: folder.major,
      systemId: folder.systemId,
    };
    const claim = await run.claim({ kind: REMOVED_BACKUP, reference });
    const refusal = await tryRemove(async () => store.remove(key, { signal }), {
      stopped: removal.signal,
      signal,
    });
    if (refusal === undefined) {
      tally.removedObjects += 1;
      tally.freedBytes += info.sizeBytes;
      await deps.catalog.backups.remove(server, backupId, name);
      unlisted.push({ store: named, claim });
      continue;
    }
    await run.release(claim);
    note(tally, refusal, { backupId, store: name });
    if (named === stores[0]) return followers(removal, backupId, name);
  }
  return unlisted;
}

function followers({ stores, tally }: Removal, backupId: string, first: string): readonly [] {
  for (const { name } of stores.slice(1))
    tally.stayed.push({
      backupId,
      store: name,
      why: `it stays in ${first}, from where it is copied`,
    });
  return [];
}

function note(
  tally: Tally,
  { kind, problem }: Refusal,
  { backupId, store }: { readonly backupId: string; readonly store: string },
): void {
  tally.stayed.push({ backupId, store, why: problem.message });
  if (kind === 'locked') tally.lockedObjects += 1;
  else tally.refused.set(store, problem);
}

async function removePacks(
  removal: Removal,
  { name, store }: NamedStore,
  place: BackupPlace,
): Promise<void> {
  const { tally, signal } = removal;
  const refusal = await tryRemove(
    async () => {
      const removed = await sweepPacks(store, place, { signal });
      tally.removedObjects += removed.objects;
      tally.freedBytes += removed.bytes;
    },
    { stopped: signal, signal },
  );
  if (refusal !== undefined) note(tally, refusal, { backupId: place.backupId, store: name });
}

/**
 * Whatever lies below a backup that is not listed. Repeatable.
 *
 * @throws Problem STORAGE_OBJECT_LOCKED once all that is not locked is gone
 */
async function sweepPacks(
  store: ObjectStore,
  { folder, backupId }: BackupPlace,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly objects: number; readonly bytes: number }> {
  let [objects, bytes] = [0, 0];
  let locked: Problem | undefined;
  // Another process may be faster, and a copier may have brought it back.
  if ((await store.stat(manifestKey(folder, backupId), { signal })) !== undefined)
    return { objects, bytes };
  for await (const { key, sizeBytes } of store.list(`${clusterPrefix(folder)}base/${backupId}/`, {
    signal,
  })) {
    if (parseBackupKey(key) === undefined) continue;
    const refusal = await tryRemove(async () => store.remove(key, { signal }), {
      stopped: signal,
      signal,
    });
    if (refusal?.kind === 'store') throw refusal.problem;
    locked ??= refusal?.problem;
    if (refusal !== undefined) continue;
    objects += 1;
    bytes += sizeBytes;
  }
  if (locked !== undefined) throw locked;
  return { objects, bytes };
}

function withoutCopies(
  facts: RetentionFacts,
  name: string,
  stores: ReadonlySet<string>,
): RetentionFacts {
  return {
    ...facts,
    backups: facts.backups
      .map((one) =>
        backupName(one.summary) === name
          ? { ...one, copies: one.copies.filter(({ store }) => !stores.has(store)) }
          : one,
      )
      .filter(({ copies }) => copies.length > 0),
  };
}

// ——— what a dead removal left ———

const REMOVED_BACKUP = 'packs of a removed backup';

const Reference = z.strictObject({
  server: z.string().refine(isServerName),
  store: z.string(),
  backupId: z.string().refine(isBackupId),
  major: z.number(),
  systemId: z.string(),
});

/** Ends what a dead run had begun; a backup whose manifest still stands stays whole. */
export function removedBackupSweeper({
  storesOf,
}: {
  readonly storesOf: (server: ServerName) => readonly NamedStore[];
}): Sweeper {
  return {
    kind: REMOVED_BACKUP,
    async sweep(reference, { signal, log }) {
      const { server, store: name, backupId, major, systemId } = Reference.parse(reference);
      const named = storesOf(server).find((one) => one.name === name);
      // No longer in the config: nobody lists it, and nobody restores from it.
      if (named === undefined) return;
      const place = { folder: { server, major, systemId }, backupId };
      const { objects } = await sweepPacks(named.store, place, { signal });
      log.info('Ended the removal of a backup', { backupId, store: name, objects });
    },
  };
}
