/**
 * Gathers what retention decides on: manifests, holds and locks from every store of a server, verdicts and
 * readers from the catalogue. A store that cannot be read is told as trouble, never left out in silence.
 */
import { z } from 'zod';

import { readersOf } from '../catalog/readers.ts';
import type { BackupRecord } from '../catalog/records.ts';
import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupListing, BackupSummary } from '../engines/engine.ts';
import { manifestKey, parseBackupKey } from '../engines/streaming/format.ts';
import { utcText } from '../kernel/codecs.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { type RetentionDeps, requireServer } from './deps.ts';
import {
  type BackupFacts,
  backupName,
  type CopyFacts,
  type RetentionFacts,
  type UnreadableFacts,
} from './facts.ts';
import type { Hold } from './hold.ts';
import { mergeHolds, type NamedStore, readHolds } from './hold-store.ts';

type Options = { readonly signal: AbortSignal };

export interface GatheredFacts extends RetentionFacts {
  /** Stores that could not be read; `trouble` tells of them, too. */
  readonly unread: readonly { readonly store: string; readonly problem: Problem }[];
  /** As monitoring found. */
  readonly isClockWrong: boolean;
}

/** @throws Problem RETENTION_SERVER_UNKNOWN; KEY_FILE_* */
export async function gatherFacts(
  deps: RetentionDeps,
  name: ServerName,
  { signal }: Options,
): Promise<GatheredFacts> {
  const { server } = requireServer(deps, name);
  const remembered = await deps.catalog.backups.list(name);
  const found: StoreFacts[] = [];
  const unread: { readonly store: string; readonly problem: Problem }[] = [];
  const clock = await wrongClock(deps, name);
  const trouble = [...clock, ...(await otherOwner(deps, name, signal))];
  for (const store of deps.storesOf(name)) {
    const read = await attempt(signal, async () => readStore(deps, name, { store, signal }));
    if ('answer' in read) found.push(read.answer);
    else {
      trouble.push(`store "${store.name}" cannot be read: ${read.failure.message}`);
      unread.push({ store: store.name, problem: read.failure });
    }
  }
  const { daily, weekly, monthly, pitr } = server.retention;
  return {
    server: name,
    now: deps.clock.now(),
    zone: deps.zone,
    rules: { daily, weekly, monthly, pitr },
    ...mergeStores(found, remembered),
    holds: mergeHolds(found.map(({ holds }) => holds)),
    readers: await readersOf(deps.catalog.runs, name),
    trouble,
    unread,
    isClockWrong: clock.length > 0,
  };
}

/**
 * The same, with what can change while a removal runs read again: holds, readers, verdicts. Manifests
 * that came meanwhile only ever make more stay, so they need not be listed again.
 */
export async function refreshFacts(
  deps: RetentionDeps,
  facts: RetentionFacts,
  { signal }: Options,
): Promise<RetentionFacts> {
  const name = requireServer(deps, facts.server).name;
  const found: Awaited<ReturnType<typeof readHolds>>[] = [];
  const trouble: string[] = [];
  for (const { name: storeName, store } of deps.storesOf(name)) {
    const read = await attempt(signal, async () =>
      readHolds(store, name, { ring: deps.ring, signal }),
    );
    if ('failure' in read)
      trouble.push(`holds in "${storeName}" cannot be read: ${read.failure.message}`);
    else found.push(read.answer);
  }
  const remembered = await deps.catalog.backups.list(name);
  return {
    ...facts,
    backups: facts.backups.map(({ summary, copies }) => ({
      summary,
      copies: copies.map((copy) => ({ ...copy, ...verdictOf(remembered, summary, copy) })),
    })),
    holds: mergeHolds(found),
    readers: await readersOf(deps.catalog.runs, name),
    trouble: [...facts.trouble, ...trouble],
  };
}

/** As monitoring tells of it. */
const ClockDiffers = z.object({
  code: z.literal('CLOCK_DIFFERS'),
  severity: z.literal('page'),
  summary: z.string(),
});

/**
 * A backup that was made while the clock ran ahead moves the window, and with it log goes that a return
 * to yesterday needs. Once the clock is right it harms nothing: the window is counted back from now.
 */
async function wrongClock({ catalog }: RetentionDeps, server: ServerName): Promise<string[]> {
  const findings = await catalog.findings.list(server);
  return findings.flatMap((finding) => {
    const read = ClockDiffers.safeParse(finding);
    return read.success ? [read.data.summary] : [];
  });
}

/** Others follow the first, so whose that one is decides. */
async function otherOwner(
  { requireOwn, storesOf }: RetentionDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<string[]> {
  const [first] = storesOf(server);
  if (first === undefined) return [];
  const read = await attempt(signal, async () => requireOwn?.(server, first, { signal }));
  return 'failure' in read ? [read.failure.message] : [];
}

interface StoreFacts {
  readonly store: string;
  readonly listing: BackupListing;
  /** By `backupName()`, until when the manifest is locked. */
  readonly locks: ReadonlyMap<string, string>;
  readonly holds: { readonly holds: readonly Hold[]; readonly released: readonly string[] };
}

async function readStore(
  { engine, ring }: RetentionDeps,
  server: ServerName,
  { store: { name, store }, signal }: { readonly store: NamedStore } & Options,
): Promise<StoreFacts> {
  // Holds first: one that is placed while manifests are listed belongs to a backup that stays.
  const holds = await readHolds(store, server, { ring, signal });
  const listing = await engine.listBackups({ store, ring, server, signal });
  const locks = new Map<string, string>();
  for (const summary of store.locks === undefined ? [] : listing.backups) {
    const key = manifestKey(summary, summary.backupId);
    const until = await store.locks?.retainedUntil(key, { signal });
    if (until !== undefined) locks.set(backupName(summary), utcText(until));
  }
  return { store: name, listing, locks, holds };
}

type Attempted<T> = { readonly answer: T } | { readonly failure: Problem };

async function attempt<T>(signal: AbortSignal, work: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { answer: await work() };
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error) || concernsKeyFile(error)) throw error;
    return { failure: error };
  }
}

/** One entry for each backup, however many stores hold it. Pure. */
function mergeStores(
  found: readonly StoreFacts[],
  remembered: readonly BackupRecord[],
): Pick<RetentionFacts, 'backups' | 'unreadable'> {
  const merged = new Map<
    string,
    { readonly summary: BackupSummary; readonly copies: CopyFacts[] }
  >();
  for (const { store, listing, locks } of found)
    for (const summary of listing.backups) {
      const name = backupName(summary);
      const known = merged.get(name) ?? { summary, copies: [] };
      merged.set(name, known);
      known.copies.push({
        store,
        ...verdictOf(remembered, summary, { store }),
        lockedUntil: locks.get(name) ?? null,
        storedBytes: summary.storedBytes,
      });
    }
  const unreadable = found.flatMap(({ store, listing }) =>
    listing.unreadable.flatMap(({ key, reason }) => unreadableOf({ store, key, reason })),
  );
  // A copy that cannot be read, of a backup that another store can: a damaged copy.
  for (const { store, ...one } of unreadable)
    merged.get(backupName(one))?.copies.push({
      store,
      verdict: 'FAIL',
      verifiedAt: null,
      lockedUntil: null,
      storedBytes: 0,
    });
  return { backups: [...merged.values()].map(toFacts), unreadable };
}

function toFacts({
  summary,
  copies,
}: {
  readonly summary: BackupSummary;
  readonly copies: readonly CopyFacts[];
}): BackupFacts {
  const { backupId, major, systemId, timeline, segmentBytes, beginLsn, endLsn } = summary;
  const { beganAt, endedAt, damagedFiles, proofLsn } = summary;
  return {
    summary: {
      backupId,
      major,
      systemId,
      timeline,
      segmentBytes,
      beginLsn,
      endLsn,
      proofLsn,
      beganAt: utcText(Temporal.Instant.from(beganAt)),
      endedAt: utcText(Temporal.Instant.from(endedAt)),
      damagedFiles,
    },
    copies,
  };
}

function unreadableOf({
  store,
  key,
  reason,
}: {
  readonly store: string;
  readonly key: string;
  readonly reason: string;
}): readonly UnreadableFacts[] {
  const object = parseBackupKey(key);
  const [, major = '', systemId = ''] = /\/(\d+)-(\d+)$/.exec(object?.folder ?? '') ?? [];
  if (object === undefined) return [];
  return [{ backupId: object.backupId, major: Number(major), systemId, store, reason }];
}

function verdictOf(
  remembered: readonly BackupRecord[],
  { backupId }: { readonly backupId: string },
  { store }: { readonly store: string },
): Pick<CopyFacts, 'verdict' | 'verifiedAt'> {
  const row = remembered.find((one) => one.backupId === backupId && one.store === store);
  return { verdict: row?.verdict ?? null, verifiedAt: row?.verifiedAt ?? null };
}
