/**
 * What production says of itself at the beginning of a proof: a position of its log that the copy must
 * reach, and row counts on both sides of it. Reads only, but for one small message in the log.
 */
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { type ConnectOptions, quoteIdentifier, type Session } from '../postgres/session.ts';
import { nameOf, readCountables } from '../postgres/table-content.ts';
import { readBeyondTables } from './beyond-tables.ts';
import type { MissedCount, SourceTable } from './compare.ts';
import { type ContentBudget, sayBeyond, sayKinds } from './content.ts';
import { DROPPED, LATE, type NotCounted, REWRITTEN, sayFailure } from './count-tables.ts';
import { openReader } from './read-databases.ts';

export interface SourceRequest {
  readonly url: string;
  readonly databases: readonly string[];
  /** Its `tables`: how many of the largest are counted, over all databases. */
  readonly budget: ContentBudget;
  readonly connect: (url: string, options: ConnectOptions) => Promise<Session>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Source {
  readonly systemId: string;
  /** The copy is replayed to it. */
  readonly lsn: Lsn;
  /** A later record: where it is stored, the log does not end at `lsn`. */
  readonly laterLsn: Lsn;
  /** When the proof began, by our clock. RFC 3339. */
  readonly at: string;
  readonly tables: readonly SourceTable[];
  /** What else is there and not compared, one clause each. */
  readonly leftOut: readonly string[];
  /**
   * The same tables with bounds that no lag of the statistics can make too narrow: for the case that a
   * count lies outside. Waits until every backend has told of what it did meanwhile.
   *
   * @throws Problem POSTGRES_* when production is down by now.
   */
  widen(options: { readonly signal: AbortSignal }): Promise<readonly SourceTable[]>;
}

/**
 * A commit stands in the log before others see it: between the two its backend waits for the disk. The
 * later count must not begin before those that were in between at the mark have come out.
 */
const SETTLE_MS = 10_000;
const ATTEMPT_MS = 20;
/** pgstat.c: PGSTAT_IDLE_INTERVAL, the longest that an idle backend keeps its counts to itself. */
const STATISTICS_LAG_MS = 10_000;

/**
 * Each table in a transaction of its own: bounds need no common snapshot, and nothing stays locked. A snapshot
 * that is taken once the table is held sees what a TRUNCATE has just left.
 */
const SHORT = 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY';
/** Of the time allowed, what the first count may take: without the second it is worth nothing. */
const FIRST_SHARE = 0.5;

/** @throws Problem POSTGRES_* when production is down or refuses. */
export async function readSource(request: SourceRequest): Promise<Source> {
  const { databases, clock, budget } = request;
  const beganMs = clock.elapsedMs();
  const limitMs = budget.seconds * 1000;
  await using sessions = new AsyncDisposableStack();
  const open: OpenDatabase[] = [];
  for (const database of databases)
    open.push({ database, session: sessions.use(await openSession(request, database)) });
  const [first] = open;
  if (first === undefined) throw new TypeError('A server has at least one database');

  const at = utcText(clock.now());
  const { chosen, leftOut } = await largestTables(open, budget.tables);
  for (const { database, session } of open)
    leftOut.push(...(await readBeyondTables(session, { database, databases })));
  // Statistics outside, counts inside: what happens between them only widens the bounds.
  const statisticsBefore = await takeStatistics(open, chosen);
  const before = await takeCounts(open, chosen, {
    ...request,
    deadlineMs: beganMs + limitMs * FIRST_SHARE,
  });
  const lsn = await mark(first.session, false);
  await settle(first.session, request);
  const counted = chosen.filter((table) => before.get(table)?.outcome === 'counted');
  const after = await takeCounts(open, counted, { ...request, deadlineMs: beganMs + limitMs });
  const countedMs = clock.elapsedMs();
  const statisticsAfter = await takeStatistics(open, chosen);
  // Committed, so that it is flushed and sent at once.
  const laterLsn = await mark(first.session, true);
  const [system] = await first.session.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  function tablesBy(...later: readonly PerTable<Written>[]): readonly SourceTable[] {
    return chosen.map((table): SourceTable => {
      const written = [statisticsBefore, ...later].map((one) => one.get(table) ?? NOTHING);
      const [was = NOTHING, is = NOTHING] = [written.at(0), written.at(-1)];
      const missed = whyMissed(before.get(table), after.get(table), written);
      return {
        ...table,
        before: rowsOf(before.get(table)),
        // Without its statistics, or emptied and filled again, it has no bounds.
        after: missed === undefined ? rowsOf(after.get(table)) : null,
        insertedMeanwhile: Math.max(0, is.inserted - was.inserted),
        deletedMeanwhile: Math.max(0, is.deleted - was.deleted),
        missed,
      };
    });
  }
  return {
    systemId: system?.id ?? '',
    lsn,
    laterLsn,
    at,
    tables: tablesBy(statisticsAfter),
    leftOut,
    // What was asked first has ended long since, and its signal with it.
    widen: async ({ signal }) =>
      tablesBy(
        statisticsAfter,
        await takeLateStatistics({ ...request, signal }, chosen, countedMs),
      ),
  };
}

function rowsOf(count: Count | undefined): number | null {
  return count?.outcome === 'counted' ? count.rows : null;
}

/** Undefined: it was counted twice, and its statistics tell what happened in between. */
function whyMissed(
  before: Count | undefined,
  after: Count | undefined,
  written: readonly Written[],
): MissedCount | undefined {
  if (before?.outcome !== 'counted') return missedBy(before);
  if (after?.outcome !== 'counted') return missedBy(after);
  if (before.fileNode !== after.fileNode) return { reason: REWRITTEN, why: 'changed' };
  const reason = 'its statistics were set back meanwhile';
  return wentBack(written) ? { reason, why: 'changed' } : undefined;
}

/** What is damaged in production itself is not to be read there on any day. */
function missedBy(count: NotCounted | undefined): MissedCount | undefined {
  if (count === undefined) return undefined;
  const { reason } = count;
  return { reason, why: count.outcome === 'left out' ? count.why : 'unreadable' };
}

async function settle(session: Session, { clock, signal }: SourceRequest): Promise<void> {
  // A number of our own is newer than all that were given out; a snapshot's xmax is not. A standby
  // gives out none, and there nobody commits.
  const [atMark] = await session.query<{ next: string | null }>(
    'SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_xact_id()::text END AS next',
  );
  const beganMs = clock.elapsedMs();
  // What is still open after that long has not committed yet, so the log before the mark has none of it.
  while (clock.elapsedMs() - beganMs < SETTLE_MS) {
    const [open] = await session.query<{ oldest: string }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS oldest',
    );
    if (BigInt(open?.oldest ?? 0) >= BigInt(atMark?.next ?? 0)) return;
    await clock.sleep(ATTEMPT_MS, { signal });
  }
}

async function takeLateStatistics(
  request: SourceRequest,
  chosen: readonly ChosenTable[],
  countedMs: number,
): Promise<PerTable<Written>> {
  const { clock, databases, signal } = request;
  const waitMs = countedMs + STATISTICS_LAG_MS + ATTEMPT_MS - clock.elapsedMs();
  if (waitMs > 0) await clock.sleep(waitMs, { signal });
  await using sessions = new AsyncDisposableStack();
  const open: OpenDatabase[] = [];
  for (const database of databases)
    open.push({ database, session: sessions.use(await openSession(request, database)) });
  return await takeStatistics(open, chosen);
}

interface OpenDatabase {
  readonly database: string;
  readonly session: Session;
}

async function openSession(request: SourceRequest, database: string): Promise<Session> {
  const session = await openReader(request, { ...request, database });
  // It has nothing to do while another database is counted.
  await session.query('SET idle_session_timeout TO 0');
  return session;
}

type ChosenTable = Pick<SourceTable, 'database' | 'table' | 'sqlName'> & { readonly oid: string };

async function largestTables(
  open: readonly OpenDatabase[],
  limit: number,
): Promise<{ readonly chosen: readonly ChosenTable[]; readonly leftOut: string[] }> {
  const found: (ChosenTable & { readonly sizeBytes: number })[] = [];
  const leftOut: string[] = [];
  let beyond = 0;
  for (const { database, session } of open) {
    const { tables, leftOut: kinds } = await readCountables(session);
    leftOut.push(...sayKinds(kinds));
    beyond += Math.max(0, tables.length - limit);
    for (const { schema, table, oid, sizeBytes } of tables.slice(0, limit)) {
      const name = nameOf({ schema, table });
      const sqlName = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
      found.push({ database, table: name, sqlName, oid, sizeBytes });
    }
  }
  const chosen = found.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, limit);
  leftOut.push(...sayBeyond(beyond + found.length - chosen.length, limit));
  return { chosen, leftOut };
}

/** A message that nobody reads, for its position. A standby cannot write one: it tells where it is. */
async function mark(session: Session, commit: boolean): Promise<Lsn> {
  const [state] = await session.query<{ standby: boolean; lsn: string | null }>(
    `SELECT pg_is_in_recovery() AS standby,
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END AS lsn`,
  );
  if (state?.standby === true) return toLsn(state.lsn ?? '0/0');
  const [row] = await session.query<{ lsn: string }>(
    `SELECT pg_logical_emit_message(${commit}, 'dbdr', 'proof')::text AS lsn`,
  );
  return toLsn(row?.lsn ?? '0/0');
}

type PerTable<T> = ReadonlyMap<ChosenTable, T>;

type Count = Counted | NotCounted;

interface Counted {
  readonly outcome: 'counted';
  readonly rows: number;
  readonly fileNode: string | null;
}

type CountLimit = Pick<SourceRequest, 'clock' | 'signal' | 'budget'> & {
  readonly deadlineMs: number;
};

/** The smallest first, because the end may not be reached. */
async function takeCounts(
  open: readonly OpenDatabase[],
  chosen: readonly ChosenTable[],
  limit: CountLimit,
): Promise<PerTable<Count>> {
  const counts = new Map<ChosenTable, Count>();
  for (const table of chosen.toReversed()) {
    const session = open.find(({ database }) => database === table.database)?.session;
    if (session !== undefined) counts.set(table, await takeCount(session, table, limit));
  }
  return counts;
}

async function takeCount(
  session: Session,
  { sqlName }: ChosenTable,
  { clock, deadlineMs, signal, budget }: CountLimit,
): Promise<Count> {
  const leftMs = Math.floor(deadlineMs - clock.elapsedMs());
  if (leftMs < 1) return LATE;
  try {
    const begin = `${SHORT}; SET LOCAL statement_timeout TO ${leftMs}`;
    return await session.transaction(begin, async () => {
      const rows = await countRows(session, sqlName);
      // The statement before holds the table, so that it is what was counted.
      const [file] = await session.query<{ node: string | null }>(
        'SELECT pg_relation_filenode(to_regclass($1))::text AS node',
        [sqlName],
      );
      if (rows === null) return DROPPED;
      return { outcome: 'counted', rows, fileNode: file?.node ?? null };
    });
  } catch (error) {
    signal.throwIfAborted();
    return sayFailure(error, budget.lockSeconds);
  }
}

interface Written {
  readonly inserted: number;
  readonly deleted: number;
  /** When the statistics of its database were set back. */
  readonly resetAt: string | null;
}

const NOTHING: Written = { inserted: 0, deleted: 0, resetAt: null };

/** Statistics that were set back, or lost in a crash, say too little of what happened. */
function wentBack(readings: readonly Written[]): boolean {
  return readings.some((is, index) => {
    const was = readings[index - 1];
    if (was === undefined) return false;
    return is.inserted < was.inserted || is.deleted < was.deleted || is.resetAt !== was.resetAt;
  });
}

async function takeStatistics(
  open: readonly OpenDatabase[],
  chosen: readonly ChosenTable[],
): Promise<PerTable<Written>> {
  const statistics = new Map<ChosenTable, Written>();
  for (const { database, session } of open) {
    for (const table of chosen.filter((one) => one.database === database)) {
      const [row] = await session.query<{
        readonly inserted: string | null;
        readonly deleted: string | null;
        readonly reset: string | null;
      }>(
        `SELECT t.n_tup_ins::text AS inserted, t.n_tup_del::text AS deleted,
                d.stats_reset::text AS reset
           FROM pg_stat_database d
           LEFT JOIN pg_stat_user_tables t ON t.relid = $1::oid
          WHERE d.datname = current_database()`,
        [table.oid],
      );
      statistics.set(table, {
        inserted: Number(row?.inserted ?? 0),
        deleted: Number(row?.deleted ?? 0),
        resetAt: row?.reset ?? null,
      });
    }
  }
  return statistics;
}

/** Null: there is no such table. */
export async function countRows(session: Session, sqlName: string): Promise<number | null> {
  const [there] = await session.query<{ is: boolean }>('SELECT to_regclass($1) IS NOT NULL AS is', [
    sqlName,
  ]);
  if (there?.is !== true) return null;
  const [row] = await session.query<{ rows: string }>(
    // Its own: tables that inherit from it are tables of their own, with statistics of their own.
    `SELECT count(*)::text AS rows FROM ONLY ${sqlName}`,
  );
  return Number(row?.rows ?? 0);
}
