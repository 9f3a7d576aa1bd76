/**
 * Receives the log of one server over a replication slot and stores it: whole segments, the tail of the
 * unfinished one, and the history files of timelines. The server may forget only what lies before the
 * contiguous minimum of what is durable; that order is the whole promise: stored first, reported after.
 *
 * A store that fails ends the receiver, and the slot keeps the rest; whoever starts it again begins at
 * the last segment that is not wholly reported. Memory is bounded: a slow store stops the reading.
 */
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../../kernel/lsn.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import { historyName, segmentBegin } from '../../kernel/wal-name.ts';
import { SLOT_LOST } from '../../postgres/problems.ts';
import {
  openReplication,
  type ReplicationConnection,
} from '../../postgres/replication-connection.ts';
import { identifyServer, type ServerIdentity } from '../../postgres/server-facts.ts';
import type { ClusterFolder } from '../engine.ts';
import { historyKey } from './wal-format.ts';
import { placeInHistory, readTimelines, type TimelineEnd } from './wal-history.ts';
import { putWal } from './wal-objects.ts';
import { WAL_GAP, WAL_OTHER_CLUSTER, WAL_REMOVED, WAL_SLOT_MISSING } from './wal-problems.ts';
import type { ReceiveWalRequest, TimelinePlace } from './wal-request.ts';
import { walStore } from './wal-store.ts';
import { WalTimeline } from './wal-timeline.ts';

/** The server recognises us by it, in `pg_stat_replication` and `synchronous_standby_names`. */
export const RECEIVER_APPLICATION = 'dbdr_archiving';
/** How long the last stores may take after `signal` has aborted. */
const STOP_MS = 10_000;
/** No position is higher. */
const LAST_LSN = toLsn('FFFFFFFF/FFFFFFFF');

/**
 * Resolves when `signal` has aborted and what was received is stored.
 *
 * @throws Problem POSTGRES_*, STORAGE_*, KEY_*, WAL_GAP, WAL_SLOT_MISSING, POSTGRES_SLOT_LOST;
 * WAL_REMOVED with the facts `timeline` and `lsn`: from there on the server no longer has it
 */
export async function receiveWal(request: ReceiveWalRequest): Promise<void> {
  const { signal, log } = request;
  // The connection lives a little longer than `signal`, so that the last bytes are stored and reported.
  const ending = new AbortController();
  function hurry(): void {
    setTimeout(() => ending.abort(signal.reason), STOP_MS).unref();
  }
  signal.throwIfAborted();
  signal.addEventListener('abort', hurry, { once: true });
  try {
    await using connection = await openReplication(request.url, {
      signal: ending.signal,
      applicationName: RECEIVER_APPLICATION,
    });
    const identity = await identifyServer(connection);
    requireCluster(identity, request);
    let place: TimelinePlace | undefined = await beginPlace(connection, identity, request);
    log.info('Receiving WAL', { ...place, systemId: identity.systemId });
    while (place !== undefined && !signal.aborted)
      place = await receiveTimeline({ request, connection, identity, place, ending });
  } finally {
    signal.removeEventListener('abort', hurry);
    ending.abort(new DOMException('The receiver has ended', 'AbortError'));
  }
}

interface Reception {
  readonly request: ReceiveWalRequest;
  readonly connection: ReplicationConnection;
  readonly identity: ServerIdentity;
  readonly place: TimelinePlace;
  /** Aborting it ends the connection and every store. */
  readonly ending: AbortController;
}

/** Answers where the next timeline begins, or undefined when it was asked to stop. */
async function receiveTimeline(reception: Reception): Promise<TimelinePlace | undefined> {
  const { request, connection, identity, place, ending } = reception;
  const folder: ClusterFolder = {
    server: request.server,
    major: identity.major,
    systemId: identity.systemId,
  };
  const { store, ring, log } = request;
  const wal = { store, ring, folder, signal: ending.signal };
  if (place.timeline > 1) {
    const content = await readHistory(connection, place.timeline);
    const key = historyKey(folder, historyName(place.timeline));
    await putWal(wal, key, Buffer.from(content, 'utf8'));
    const { server, systemId } = folder;
    request.onObject?.({ server, systemId, timeline: place.timeline, key, kind: 'history' });
  }
  const timeline = new WalTimeline({
    request,
    connection,
    ending,
    wal,
    timeline: place.timeline,
    segmentBytes: identity.segmentBytes,
    // A segment is stored whole, so it is received whole, also when a part of it is stored already.
    beginLsn: lsnBytes(segmentBegin(place.lsn, identity.segmentBytes)),
  });
  const next = await timeline.run().catch((error: unknown) => {
    if (!isProblem(error, WAL_REMOVED)) throw error;
    throw new Problem(WAL_REMOVED, error.message, { facts: { ...place }, cause: error });
  });
  if (next !== undefined) log.info('The server has gone on to another timeline', { ...next });
  return next;
}

async function readHistory(connection: ReplicationConnection, timeline: number): Promise<string> {
  const [row] = await connection.rows(`TIMELINE_HISTORY ${timeline}`);
  const content = row?.[1];
  // An empty one would be kept for ever, and no timeline could be followed through it.
  if (typeof content !== 'string' || content === '')
    throw new Problem(WAL_GAP, `Cannot read the history of timeline ${timeline}`);
  return content;
}

/** Another server may answer since somebody last looked; its log must not be mixed with this one's. */
function requireCluster({ systemId }: ServerIdentity, request: ReceiveWalRequest): void {
  const { server, systemId: wanted = systemId } = request;
  if (systemId === wanted) return;
  throw new Problem(
    WAL_OTHER_CLUSTER,
    `Cannot receive the WAL of "${server}": the cluster ${systemId} answers, and it should be ${wanted}`,
    { facts: { server, systemId, wanted } },
  );
}

async function beginPlace(
  connection: ReplicationConnection,
  identity: ServerIdentity,
  request: ReceiveWalRequest,
): Promise<TimelinePlace> {
  const { timeline } = identity;
  const { slot, resume } = request;
  const kept = await slotPlace(connection, slot);
  if (resume === undefined) return kept;
  const history = timeline === 1 ? '' : await readHistory(connection, timeline);
  const place = await placeInHistory(resume, readTimelines(history, timeline), (end) =>
    storedEnd(end, identity, request),
  );
  return compareLsn(place.lsn, kept.lsn) < 0 ? place : kept;
}

/** Names sort the way positions do: only that timeline is listed. */
async function storedEnd(
  { timeline, endLsn = LAST_LSN }: TimelineEnd,
  { systemId, major, segmentBytes }: ServerIdentity,
  { server, store, ring, signal }: ReceiveWalRequest,
): Promise<Lsn | undefined> {
  const range = { timeline, fromLsn: lsnFromBytes(0n), toLsn: endLsn };
  const folder: ClusterFolder = { server, major, systemId };
  const { runs } = await walStore.inventory({ store, ring, folder, segmentBytes, range, signal });
  return runs.findLast((run) => run.timeline === timeline)?.toLsn;
}

/** Where the slot keeps WAL from. */
async function slotPlace(connection: ReplicationConnection, slot: string): Promise<TimelinePlace> {
  const [row] = await connection.rows(`READ_REPLICATION_SLOT ${slot}`);
  const [type, lsn, timeline] = row ?? [];
  const facts = { slot };
  if (typeof type !== 'string')
    throw new Problem(WAL_SLOT_MISSING, `Cannot receive WAL: there is no slot "${slot}"`, {
      facts,
    });
  if (typeof lsn !== 'string' || typeof timeline !== 'string')
    throw new Problem(SLOT_LOST, `Cannot receive WAL: the slot "${slot}" no longer keeps any`, {
      facts,
    });
  return { timeline: Number(timeline), lsn: toLsn(lsn) };
}
