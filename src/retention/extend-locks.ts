/**
 * Makes the locks of what stays as long as it is going to stay, in stores that keep locks: a backup that
 * came to stand for a week or a month, or that is held. Its log first, then its packs, its manifest last:
 * where that one is locked long enough, the rest is.
 */
import { manifestKey } from '../engines/streaming/format.ts';
import { clusterPrefix } from '../engines/streaming/wal-format.ts';
import { isBackupId, type ServerName } from '../kernel/ids.ts';
import { isProblem } from '../kernel/problem.ts';
import type { ObjectKey, ObjectLocks, ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import { backupName, type RetentionFacts, type SummaryFacts } from './facts.ts';
import type { NamedStore } from './hold-store.ts';
import { lockOfKept } from './locks.ts';
import type { Decision } from './plan.ts';
import { storedLog } from './stored-log.ts';
import { walRule } from './wal-rule.ts';

interface Extending {
  readonly server: ServerName;
  readonly stores: readonly NamedStore[];
  readonly facts: RetentionFacts;
  readonly decision: Decision;
  readonly signal: AbortSignal;
}

/** Answers how many objects are locked for longer now. */
export async function extendLocks({
  server,
  stores,
  facts,
  decision,
  signal,
}: Extending): Promise<number> {
  let extended = 0;
  for (const { name, store } of stores) {
    const { locks } = store;
    if (locks === undefined) continue;
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
        { at: Temporal.Instant.from(decision.countedFrom), zone: facts.zone },
      );
      extended += await extendOne({ server, store, locks, summary, until, signal });
    }
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
  if (isLongEnough(await locks.retainedUntil(manifest, { signal }), until)) return 0;
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

function isLongEnough(known: Temporal.Instant | undefined, until: Temporal.Instant): boolean {
  return known !== undefined && until.epochMilliseconds - known.epochMilliseconds <= ROUNDING_MS;
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
