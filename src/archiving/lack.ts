/**
 * What a slot does not keep of the log and the store does not have: after the slot was lost or dropped,
 * after a failover to a server that has a slot of its own, or when a late copy became the first store.
 * The server may still have it; the receiver asks for it before anybody is told of a hole.
 */
import type { WalProgressRecord } from '../catalog/records.ts';
import { walStore } from '../engines/streaming/wal-store.ts';
import type { WalRun } from '../engines/wal-archive.ts';
import { compareLsn, isLsn, type Lsn, lsnBytes } from '../kernel/lsn.ts';
import { segmentBegin } from '../kernel/wal-name.ts';
import type { ServerFacts } from '../postgres/server-facts.ts';
import type { ArchivingServer } from './deps.ts';

export interface Lack {
  readonly systemId: string;
  /** On which the stored log ends: `fromLsn` is a position on it. */
  readonly timeline: number;
  /** On which the server is: `toLsn` is a position on it. */
  readonly keptTimeline: number;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  /** RFC 3339: everything that had been written by then is stored. */
  readonly after: string;
}

interface LackFacts {
  readonly known: WalProgressRecord;
  readonly facts: Pick<ServerFacts, 'systemId' | 'timeline' | 'major' | 'segmentBytes'>;
  /** The slot keeps the log from there on. */
  readonly keptFrom: Lsn;
}

interface Calling {
  readonly signal: AbortSignal;
}

/**
 * Undefined: the slot follows on what is stored, or nothing of this cluster is. After a change of timeline
 * there may turn out to be none.
 */
export async function findLack(
  { known, facts, keptFrom }: LackFacts,
  server: ArchivingServer,
  calling: Calling,
): Promise<Lack | undefined> {
  const { systemId, timeline, segmentBytes } = facts;
  if (known.systemId !== systemId) return undefined;
  const toLsn = segmentBegin(keptFrom, segmentBytes);
  const stored = await storedEnd(known, facts, server, calling);
  if (stored === undefined) return undefined;
  const lack = {
    systemId,
    timeline: stored.timeline,
    keptTimeline: timeline,
    fromLsn: stored.toLsn,
    toLsn,
    after: known.at,
  };
  // Only the receiver, which reads the server's history, can tell how far one timeline leads into another.
  if (stored.timeline !== timeline) return lack;
  if (compareLsn(toLsn, stored.toLsn) <= 0) return undefined;
  const range = { timeline: stored.timeline, fromLsn: stored.toLsn, toLsn };
  // What is remembered may be old.
  return (await isThere(range, facts, server, calling)) ? undefined : lack;
}

type End = Pick<WalRun, 'timeline' | 'toLsn'>;

/** As remembered; where a new timeline made us forget it, as the store says. */
async function storedEnd(
  { timeline, storedLsn }: WalProgressRecord,
  facts: LackFacts['facts'],
  server: ArchivingServer,
  calling: Calling,
): Promise<End | undefined> {
  if (isLsn(storedLsn) && lsnBytes(storedLsn) > 0n) return { timeline, toLsn: storedLsn };
  const { runs } = await walStore.inventory(requestOf(facts, server, calling));
  return runs.findLast((run) => run.timeline <= facts.timeline);
}

async function isThere(
  range: WalRun,
  facts: LackFacts['facts'],
  server: ArchivingServer,
  calling: Calling,
): Promise<boolean> {
  const { runs } = await walStore.inventory({ ...requestOf(facts, server, calling), range });
  return runs.some(
    (run) => compareLsn(run.fromLsn, range.fromLsn) <= 0 && compareLsn(run.toLsn, range.toLsn) >= 0,
  );
}

function requestOf(
  { major, systemId, segmentBytes }: LackFacts['facts'],
  { name, store, ring }: ArchivingServer,
  { signal }: Calling,
): Parameters<typeof walStore.inventory>[0] {
  return { store, ring, folder: { server: name, major, systemId }, segmentBytes, signal };
}
