/**
 * Takes the contents of production at log positions that a copy can be replayed to: counts and hashes in a
 * snapshot whose place in the log is found by reading the log. Only reads, but for a small message. Why this
 * is equality and not nearness: `decisions/0016-exact-proof.md`.
 */
import type { DatabaseContent } from '../engines/proof-point.ts';
import { readStoredTransactions } from '../engines/streaming/wal-transactions.ts';
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { readServerFacts, type ServerFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import { readSnapshot, type TransactionSnapshot } from '../postgres/snapshot.ts';
import { OBJECT_MISSING } from '../storage/problems.ts';
import { readBeyondTables } from './beyond-tables.ts';
import { isDamage } from './checks.ts';
import type { ContentRequest, TakenContent } from './content.ts';
import type { VerificationDeps } from './deps.ts';
import { findPosition, type Position } from './position.ts';
import { openReader, READ_ONLY, readDatabase } from './read-databases.ts';
import { takeFromStandby } from './read-standby.ts';
import { firstStore, type LastCommit, waitUntilStored, writeLast } from './stored-log.ts';

/** At 1,600 transactions a second about one snapshot in 150 is of no use. */
const SNAPSHOTS_MAX = 10;
const PAUSE_MS = 200;
/**
 * A commit is written, then its transaction leaves the list of running ones. In between are microseconds, or
 * the wait for a synchronous standby, which is looked for: more log than this is not written meanwhile.
 */
const BEFORE_BYTES = 64n * 1024n * 1024n;

/**
 * @throws Problem POSTGRES_* when production is down or refuses; VERIFY_CANNOT_PAUSE; WAL_DAMAGED and its kin when
 * the log in the first store is.
 */
export async function takeContent(
  deps: VerificationDeps,
  request: ContentRequest,
): Promise<TakenContent> {
  const { url, databases, systemId, signal, budget } = request;
  await using control = await deps.recovery.connect(url, {
    signal,
    applicationName: 'dbdr verify',
  });
  // It has nothing to do while large tables are counted.
  await control.query('SET idle_session_timeout TO 0');
  const facts = await readServerFacts(control);
  if (facts.systemId !== systemId) return { outcome: 'other cluster', systemId: facts.systemId };
  if (facts.inRecovery)
    return noPosition('the `url` of the server leads to a standby, which writes no log');
  if (budget.readFrom !== undefined)
    return await takeFromStandby(deps, {
      ...request,
      readFrom: budget.readFrom,
      control,
      systemId,
    });
  const taken: DatabaseContent[] = [];
  let snapshotSeconds = 0;
  let untilLsn: Lsn | undefined;
  for (const database of databases) {
    const answer = await takeDatabase(deps, { ...request, database, control, facts });
    if (answer.outcome !== 'taken') return answer;
    taken.push(answer.content);
    snapshotSeconds = Math.max(snapshotSeconds, answer.snapshotSeconds);
    untilLsn = answer.untilLsn;
  }
  if (untilLsn === undefined) throw new TypeError('A server has at least one database');
  return { outcome: 'taken', point: { databases: taken, untilLsn }, snapshotSeconds };
}

interface DatabaseRequest extends ContentRequest {
  readonly database: string;
  /** Another session, for what is not part of the snapshot. */
  readonly control: Session;
  readonly facts: ServerFacts;
}

type NoPosition = Extract<TakenContent, { outcome: 'no position' }>;
type DatabaseTaken =
  | {
      readonly outcome: 'taken';
      readonly content: DatabaseContent;
      readonly untilLsn: Lsn;
      readonly snapshotSeconds: number;
    }
  | NoPosition;

async function takeDatabase(
  deps: VerificationDeps,
  request: DatabaseRequest,
): Promise<DatabaseTaken> {
  let reason = '';
  let damage: Problem | undefined;
  for (let snapshots = 0; snapshots < SNAPSHOTS_MAX; snapshots += 1) {
    const attempt = await takeOnce(deps, request);
    if (attempt.outcome !== 'again') return attempt;
    ({ reason } = attempt);
    // Tails that are joined look damaged for a moment; what is damaged, is so at the next look too.
    if (attempt.damage !== undefined && attempt.damage.message === damage?.message)
      throw attempt.damage;
    ({ damage } = attempt);
    request.run.log.info('A snapshot was of no use for a proof', { reason });
    await deps.recovery.clock.sleep(PAUSE_MS, { signal: request.signal });
  }
  return noPosition(`${SNAPSHOTS_MAX} snapshots in a row were of no use: ${reason}`);
}

type Attempt =
  | DatabaseTaken
  | {
      readonly outcome: 'again';
      readonly reason: string;
      /** What the stored log had wrong with it. */
      readonly damage?: Problem | undefined;
    };

async function takeOnce(deps: VerificationDeps, request: DatabaseRequest): Promise<Attempt> {
  const { control, budget, signal } = request;
  const { clock } = deps.recovery;
  const lookout = await lookOut(control);
  if (lookout.waits !== undefined) return { outcome: 'again', reason: lookout.waits };
  await using leader = await openReader(deps.recovery, request);
  const deadlineMs = clock.elapsedMs() + budget.seconds * 1000;
  return await leader.transaction(READ_ONLY, async () => {
    const beganMs = clock.elapsedMs();
    const snapshot = await readSnapshot(leader);
    const at = clock.now();
    const exported = await exportSnapshot(leader);
    const last = await writeLast(control);
    const stored = await waitUntilStored(clock, request, { last, deadlineMs });
    if (stored !== undefined) return noPosition(stored);
    const reach = { snapshot, fromLsn: lookout.lsn, last };
    const position = await readPosition(deps, request, reach).catch(sayUnread);
    if ('reason' in position) return position;
    if (position.outcome === 'log ends first')
      return noPosition(`the log is not stored up to ${last.untilLsn}`);
    if (position.outcome === 'not a prefix')
      return { outcome: 'again', reason: 'it sees commits in another order than the log has them' };
    const { lsn } = position;
    if (compareLsn(lsn, request.notBefore) < 0)
      return { outcome: 'again', reason: `it lies at ${lsn}, before the end of the backup` };
    const begin = `${READ_ONLY}; SET TRANSACTION SNAPSHOT '${exported}'`;
    const place = { ...request, leader, begin, lsn, at, deadlineMs, signal };
    const beyond = await readBeyondTables(leader, request);
    const read = await readDatabase(deps.recovery, place);
    const content = { ...read, leftOut: [...read.leftOut, ...beyond] };
    const snapshotSeconds = (clock.elapsedMs() - beganMs) / 1000;
    return { outcome: 'taken', content, untilLsn: last.untilLsn, snapshotSeconds };
  });
}

interface Lookout {
  /** Where the log stood before the snapshot. */
  readonly lsn: Lsn;
  /** Why a snapshot would be of no use now. */
  readonly waits: string | undefined;
}

async function lookOut(control: Session): Promise<Lookout> {
  const [row] = await control.query<{ lsn: string; waiting: boolean; hidden: boolean }>(
    `SELECT pg_current_wal_insert_lsn()::text AS lsn,
            EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting,
            current_setting('synchronous_standby_names') <> ''
              AND NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS hidden`,
  );
  const { lsn = '0/0', waiting = false, hidden = false } = row ?? {};
  if (waiting) return { lsn: toLsn(lsn), waits: 'a commit was waiting for a synchronous standby' };
  const blind =
    'commits may wait for a synchronous standby, which our role may not see (`GRANT pg_read_all_stats TO …;`)';
  return { lsn: toLsn(lsn), waits: hidden ? blind : undefined };
}

async function exportSnapshot(leader: Session): Promise<string> {
  const [row] = await leader.query<{ name: string }>('SELECT pg_export_snapshot() AS name');
  return (row?.name ?? '').replaceAll("'", '');
}

interface Reach {
  readonly snapshot: TransactionSnapshot;
  /** Where the log stood before the snapshot. */
  readonly fromLsn: Lsn;
  readonly last: LastCommit;
}

async function readPosition(
  deps: VerificationDeps,
  { server, facts, signal }: DatabaseRequest,
  { snapshot, fromLsn, last }: Reach,
): Promise<Position> {
  const { walArchive, ring } = deps.recovery;
  const { major, systemId, segmentBytes, timeline } = facts;
  const { store } = firstStore(deps, server);
  const stored = { store, ring, folder: { server, major, systemId }, segmentBytes, signal };
  const back = lsnBytes(fromLsn) - BEFORE_BYTES;
  const beginLsn = lsnFromBytes(back > 0n ? back : 0n);
  const range = { timeline, fromLsn: beginLsn, toLsn: last.untilLsn };
  const { runs } = await walArchive.inventory({ ...stored, range });
  const run = runs.find(
    (one) =>
      one.timeline === timeline &&
      compareLsn(one.fromLsn, fromLsn) <= 0 &&
      compareLsn(one.toLsn, last.untilLsn) >= 0,
  );
  const finder = findPosition(snapshot, last.xid);
  if (run === undefined) return finder.answer();
  const from = compareLsn(run.fromLsn, beginLsn) > 0 ? run.fromLsn : beginLsn;
  const upTo = { ...run, toLsn: last.untilLsn };
  for await (const end of readStoredTransactions(stored, upTo, from)) if (!finder.take(end)) break;
  return finder.answer();
}

/** Tails are joined and give way to their segment while they are read: the next look finds it. */
function sayUnread(error: unknown): Extract<Attempt, { outcome: 'again' }> {
  if (!isProblem(error)) throw error;
  const { message: reason, kind } = error;
  if (kind.code === OBJECT_MISSING.code || kind.retry !== 'never')
    return { outcome: 'again', reason };
  if (isDamage(error)) return { outcome: 'again', reason, damage: error };
  throw error;
}

function noPosition(reason: string): NoPosition {
  return { outcome: 'no position', reason };
}
