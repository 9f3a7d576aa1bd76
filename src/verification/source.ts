/**
 * What production says of itself at the beginning of a proof: a position of its log that the copy must
 * reach, and row counts on both sides of it. Reads only, but for one small message in the log.
 */
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { readTablesBySize } from '../postgres/server-facts.ts';
import { type ConnectOptions, quoteIdentifier, type Session } from '../postgres/session.ts';
import type { SourceTable } from './compare.ts';

export interface SourceRequest {
  readonly url: string;
  readonly databases: readonly string[];
  /** How many of the largest tables are counted, over all databases. */
  readonly tables: number;
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
  /**
   * The same tables with bounds that no lag of the statistics can make too narrow: for the case that a
   * count lies outside. Waits until every backend has told of what it did meanwhile.
   *
   * @throws Problem POSTGRES_* when production is down by now.
   */
  widen(): Promise<readonly SourceTable[]>;
}

/**
 * A commit stands in the log before others see it: between the two its backend waits for the disk. The
 * later count must not begin before those that were in between at the mark have come out.
 */
const SETTLE_MS = 10_000;
const ATTEMPT_MS = 20;
/** pgstat.c: PGSTAT_IDLE_INTERVAL, the longest that an idle backend keeps its counts to itself. */
const STATISTICS_LAG_MS = 10_000;

/** In one transaction, so that all tables are counted in one snapshot. */
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** @throws Problem POSTGRES_* when production is down or refuses. */
export async function readSource(request: SourceRequest): Promise<Source> {
  const { databases, clock } = request;
  await using sessions = new AsyncDisposableStack();
  const open: OpenDatabase[] = [];
  for (const database of databases)
    open.push({ database, session: sessions.use(await openSession(request, database)) });
  const [first] = open;
  if (first === undefined) throw new TypeError('A server has at least one database');

  const at = utcText(clock.now());
  const chosen = await largestTables(open, request.tables);
  // Statistics outside, counts inside: what happens between them only widens the bounds.
  const statisticsBefore = await takeStatistics(open, chosen);
  const before = await takeCounts(open, chosen);
  const lsn = await mark(first.session, false);
  await settle(first.session, request);
  const after = await takeCounts(open, chosen);
  const countedMs = clock.elapsedMs();
  const statisticsAfter = await takeStatistics(open, chosen);
  // Committed, so that it is flushed and sent at once.
  const laterLsn = await mark(first.session, true);
  const [system] = await first.session.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  function tablesBy(statistics: PerTable<Written>): readonly SourceTable[] {
    return chosen.map((table): SourceTable => {
      const [was, is] = [statisticsBefore.get(table), statistics.get(table)];
      return {
        ...table,
        before: before.get(table) ?? null,
        after: after.get(table) ?? null,
        insertedMeanwhile: Math.max(0, (is?.inserted ?? 0) - (was?.inserted ?? 0)),
        deletedMeanwhile: Math.max(0, (is?.deleted ?? 0) - (was?.deleted ?? 0)),
      };
    });
  }
  return {
    systemId: system?.id ?? '',
    lsn,
    laterLsn,
    at,
    tables: tablesBy(statisticsAfter),
    widen: async () => tablesBy(await takeLateStatistics(request, chosen, countedMs)),
  };
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

async function openSession(
  { url, connect, signal }: SourceRequest,
  database: string,
): Promise<Session> {
  return connect(url, {
    signal,
    database,
    applicationName: 'dbdr verify',
    // Counting a large table takes as long as it takes; the run's own deadline holds.
    statementTimeoutMs: 0,
  });
}

type ChosenTable = Pick<SourceTable, 'database' | 'table' | 'sqlName'>;

async function largestTables(
  open: readonly OpenDatabase[],
  limit: number,
): Promise<readonly ChosenTable[]> {
  const found: (ChosenTable & { readonly sizeBytes: number })[] = [];
  for (const { database, session } of open) {
    for (const { schema, table, sizeBytes } of await readTablesBySize(session, limit)) {
      const name = schema === 'public' ? table : `${schema}.${table}`;
      const sqlName = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
      found.push({ database, table: name, sqlName, sizeBytes });
    }
  }
  return found.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, limit);
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

async function takeCounts(
  open: readonly OpenDatabase[],
  chosen: readonly ChosenTable[],
): Promise<PerTable<number | null>> {
  const counts = new Map<ChosenTable, number | null>();
  for (const { database, session } of open) {
    const mine = chosen.filter((table) => table.database === database);
    await session.transaction(SNAPSHOT, async () => {
      for (const table of mine) counts.set(table, await countRows(session, table.sqlName));
    });
  }
  return counts;
}

interface Written {
  readonly inserted: number;
  readonly deleted: number;
}

async function takeStatistics(
  open: readonly OpenDatabase[],
  chosen: readonly ChosenTable[],
): Promise<PerTable<Written>> {
  const statistics = new Map<ChosenTable, Written>();
  for (const { database, session } of open) {
    for (const table of chosen.filter((one) => one.database === database)) {
      const [row] = await session.query<{ inserted: string; deleted: string }>(
        `SELECT n_tup_ins::text AS inserted, n_tup_del::text AS deleted
         FROM pg_stat_user_tables WHERE relid = to_regclass($1)`,
        [table.sqlName],
      );
      const { inserted, deleted } = row ?? { inserted: '0', deleted: '0' };
      statistics.set(table, { inserted: Number(inserted), deleted: Number(deleted) });
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
    `SELECT count(*)::text AS rows FROM ${sqlName}`,
  );
  return Number(row?.rows ?? 0);
}
