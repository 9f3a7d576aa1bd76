/**
 * Makes the locks of what stays as long as it is going to stay, in stores that keep locks: a backup that
 * came to stand for a week or a month, or that is held. Its log first, then its packs, its manifest last:
 * where that one is locked long enough, the rest is.
 */
import { manifestKey } from '../engines/streaming/format.ts';
import { clusterPrefix } from '../engines/streaming/wal-format.ts';
import { isBackupId, type ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { ObjectKey, ObjectLocks, ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import { backupName, type SummaryFacts } from './facts.ts';
import type { GatheredFacts } from './gather.ts';
import type { NamedStore } from './hold-store.ts';
import { lockOfKept } from './locks.ts';
import type { Decision } from './plan.ts';
import { storedLog } from './stored-log.ts';
import { walRule } from './wal-rule.ts';

interface Extending {
  readonly server: ServerName;
  readonly stores: readonly NamedStore[];
  readonly facts: GatheredFacts;
  readonly decision: Decision;
  readonly signal: AbortSignal;
}

export interface Extended {
  /** Objects that are locked for longer now. */
  readonly objects: number;
  /** Stores in which not everything is locked as long as it should be. */
  readonly failures: readonly { readonly store: string; readonly problem: Problem }[];
}

/** One store's failure keeps no other from it. Once done, doing it again changes nothing. */
export async function extendLocks(extending: Extending): Promise<Extended> {
  const { stores, facts, signal } = extending;
  let objects = 0;
  const failures: { readonly store: string; readonly problem: Problem }[] = [];
  for (const named of stores) {
    if (named.store.locks === undefined) continue;
    const unread = facts.unread.find(({ store }) => store === named.name);
    if (unread !== undefined) {
      failures.push(unread);
      continue;
    }
    try {
      objects += await extendInStore(extending, named, named.store.locks);
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      failures.push({ store: named.name, problem: error });
    }
  }
  return { objects, failures };
}

async function extendInStore(
  { server, facts, decision, signal }: Extending,
  { name, store }: NamedStore,
  locks: ObjectLocks,
): Promise<number> {
  let extended = 0;
  // A lock cannot be taken back, so a clock that is known to run ahead shall set none.
  const at = facts.isClockWrong ? Temporal.Instant.from(decision.countedFrom) : facts.now;
  for (const { summary, copies } of facts.backups) {
    const kept = decision.keep.find((one) => backupName(one) === backupName(summary));
    if (kept === undefined || !copies.some((copy) => copy.store === name)) continue;
    const until = lockOfKept(
      {
        beganAt: summary.beganAt,
        tiers: kept.tiers,
        holds: facts.holds.filter((hold) => backupName(hold) === backupName(summary)),
      },
      facts.rules,
      { at, zone: facts.zone },
    );
    // Of what was put before its store kept locks, too: a lock that is over cannot be set.
    if (Temporal.Instant.compare(until, facts.now) <= 0) continue;
    extended += await extendOne({ server, store, locks, summary, until, signal });
  }
  return extended;
}

interface One {
  readonly server: ServerName;
  readonly store: ObjectStore;
  readonly locks: ObjectLocks;
  readonly summary: SummaryFacts;
  readonly until: Temporal.Instant;
  readonly signal: AbortSignal;
}

async function extendOne(one: One): Promise<number> {
  const { server, store, locks, summary, until, signal } = one;
  const { backupId } = summary;
  if (!isBackupId(backupId)) throw new TypeError(`Not a backup's id: "${backupId}"`);
  const folder = { ...summary, server };
  const manifest = manifestKey(folder, backupId);
  if (await isLongEnough(locks, manifest, { until, signal })) return 0;
  let extended = 0;
  async function retain(key: ObjectKey): Promise<void> {
    await locks.retain(key, until, { signal }).catch((error: unknown) => {
      // Removed since its name was read.
      if (!isProblem(error, OBJECT_MISSING)) throw error;
    });
    extended += 1;
  }
  for await (const { key, isKept, kind } of storedLog(
    store,
    { server, rules: [ownLog(summary)] },
    { signal },
  ))
    if (isKept && kind !== 'tail') await retain(key);
  const prefix = `${clusterPrefix(folder)}base/${backupId}/`;
  for await (const { key } of store.list(prefix, { signal }))
    if (key !== manifest) await retain(key);
  await retain(manifest);
  return extended;
}

/** A store may keep whole seconds only. */
const ROUNDING_MS = 1000;

async function isLongEnough(
  locks: ObjectLocks,
  manifest: ObjectKey,
  { until, signal }: { readonly until: Temporal.Instant; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    const known = await locks.retainedUntil(manifest, { signal });
    if (known === undefined) return false;
    return until.epochMilliseconds - known.epochMilliseconds <= ROUNDING_MS;
  } catch (error) {
    // Removed since it was listed: nothing of it is left to lock.
    if (isProblem(error, OBJECT_MISSING)) return true;
    throw error;
  }
}

/** What makes this one backup consistent. */
function ownLog(summary: SummaryFacts): ReturnType<typeof walRule> {
  const { major, systemId, segmentBytes } = summary;
  return walRule({
    major,
    systemId,
    segmentBytes,
    stored: [summary],
    windowBase: undefined,
    readers: [],
    ranges: [],
    all: null,
  });
}
