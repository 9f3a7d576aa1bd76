/**
 * Counts and hashes many tables over a few sessions, each statement in a short transaction of its own: no
 * table stays locked for longer than its own share is read. What cannot be read is answered with its reason;
 * only a lost connection, a full disk and an abort throw.
 */
import type { WhyMissed } from '../engines/proof-point.ts';
import type { Clock } from '../kernel/clock.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { Session } from '../postgres/session.ts';
import { type CountableTable, countAndHash } from '../postgres/table-content.ts';
import { isCorruption } from './damage.ts';
import { type Chunk, chunksOf, type HashPlan } from './day-part.ts';
import { LACKING } from './structure-report.ts';

export interface CountingRequest {
  /** Opens one more session that sees the same rows. */
  readonly open: () => Promise<Session>;
  /** Begins each transaction: where all sessions share a snapshot, with it. */
  readonly begin: string;
  readonly tables: readonly PlannedTable[];
  /** Sessions at once. */
  readonly parallel: number;
  readonly lockSeconds: number;
  /** On the clock of `elapsedMs()`: what was not read by then is left out. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface PlannedTable {
  readonly table: CountableTable;
  readonly plan: HashPlan;
  /** It has been missed before: others must not take its time, nor it all of theirs. Default: false. */
  readonly comesFirst?: boolean;
}

export type CountedTable =
  /** `hash`: in decimal; null: not hashed. */
  { readonly outcome: 'counted'; readonly rows: number; readonly hash: string | null } | NotCounted;

export type NotCounted =
  | { readonly outcome: 'left out'; readonly reason: string; readonly why: WhyMissed }
  /** PostgreSQL itself says that what is stored there is damaged, or not there. */
  | { readonly outcome: 'damaged'; readonly reason: string };

/** In the order of the request, which should be that of importance: the end may be left out. */
export async function countTables(request: CountingRequest): Promise<readonly CountedTable[]> {
  const beganMs = request.clock.elapsedMs();
  const firstMs = beganMs + (request.deadlineMs - beganMs) * FIRST_SHARE;
  const states = request.tables.map(
    (planned) =>
      new TableState(planned, planned.comesFirst === true ? firstMs : request.deadlineMs),
  );
  const work = states.flatMap((state) => state.chunks.map((chunk) => ({ state, chunk })));
  const queue = work.values();
  const sessions = Math.max(1, Math.min(request.parallel, work.length));
  const stop = new AbortController();
  const workers = Array.from({ length: sessions }, async () => {
    await using session = await request.open();
    for (const { state, chunk } of queue) {
      if (stop.signal.aborted) return;
      await takeChunk(request, session, state, chunk);
    }
  });
  // The first failure ends them all, and is told when all have ended.
  const ends = await Promise.allSettled(
    workers.map(async (worker) =>
      worker.catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    ),
  );
  request.signal.throwIfAborted();
  if (ends.some(({ status }) => status === 'rejected')) stop.signal.throwIfAborted();
  return states.map((state) => state.answer());
}

/** Of the time allowed, what those may take that come first. */
const FIRST_SHARE = 0.75;

/** What is known of one table while its chunks are read. */
class TableState {
  readonly table: CountableTable;
  readonly chunks: readonly Chunk[];
  readonly deadlineMs: number;
  readonly #isHashed: boolean;
  #rows = 0n;
  #hash = 0n;
  #failure: NotCounted | undefined;

  constructor({ table, plan }: PlannedTable, deadlineMs: number) {
    this.table = table;
    this.deadlineMs = deadlineMs;
    this.chunks = chunksOf(table, plan);
    this.#isHashed = plan.kind !== 'none';
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  add(rows: bigint, hash: bigint | null): void {
    this.#rows += rows;
    this.#hash += hash ?? 0n;
  }

  fail(failure: NotCounted): void {
    this.#failure ??= failure;
  }

  answer(): CountedTable {
    if (this.#failure !== undefined) return this.#failure;
    const hash = this.#isHashed ? this.#hash.toString() : null;
    return { outcome: 'counted', rows: Number(this.#rows), hash };
  }
}

async function takeChunk(
  request: CountingRequest,
  session: Session,
  state: TableState,
  chunk: Chunk,
): Promise<void> {
  if (state.isOver) return;
  const { schema, table, columns, fileNode } = state.table;
  const leftMs = Math.floor(state.deadlineMs - request.clock.elapsedMs());
  if (leftMs < 1) {
    state.fail(LATE);
    return;
  }
  try {
    const begin = `${request.begin}; SET LOCAL statement_timeout TO ${leftMs}`;
    const seen = await session.transaction(begin, async () =>
      countAndHash(session, {
        schema,
        table,
        columns: chunk.isHashed ? columns : undefined,
        fromPage: chunk.fromPage,
        toPage: chunk.toPage,
      }),
    );
    // TRUNCATE and ALTER TABLE empty it for older snapshots: what was read is not what was there.
    if (seen.fileNode !== fileNode) state.fail(changed(REWRITTEN));
    else state.add(seen.rows, seen.hash);
  } catch (error) {
    request.signal.throwIfAborted();
    state.fail(sayFailure(error, request.lockSeconds));
  }
}

export const LATE: NotCounted = {
  outcome: 'left out',
  reason: 'the time allowed for it was over',
  why: 'out of time',
};
export const REWRITTEN = 'it was rewritten or emptied meanwhile';

/** Source of the codes: PostgreSQL docs, Appendix A. @throws what says nothing about this table */
export function sayFailure(error: unknown, lockSeconds: number): NotCounted {
  if (!isProblem(error)) throw error;
  const { cause, message: told, facts }: Problem = error;
  // PostgreSQL's own words: where the session was does not matter here.
  const message = cause instanceof Error ? cause.message : told;
  const sqlState = String(facts['sqlState'] ?? '');
  const known = REASONS.get(sqlState);
  if (sqlState === '55P03') {
    const reason = `it was locked for longer than ${lockSeconds} s`;
    return { outcome: 'left out', reason, why: 'locked' };
  }
  if (sqlState === '57014') return LATE;
  if (known !== undefined) return changed(known);
  if (sqlState === '42501')
    return { outcome: 'left out', reason: sayRight(message), why: 'denied' };
  if (sqlState === '' || BEYOND_TABLES.test(sqlState)) throw error;
  if (isCorruption(error) || isOfStored(sqlState, message))
    return { outcome: 'damaged', reason: message };
  return { outcome: 'left out', reason: message, why: 'unreadable' };
}

function isOfStored(sqlState: string, message: string): boolean {
  return STORED.has(sqlState) && !LACKING.test(message);
}

function changed(reason: string): NotCounted {
  return { outcome: 'left out', reason, why: 'changed' };
}

/**
 * A file that is not there, and what PostgreSQL finds where it expects something else: a length, an entry of
 * the catalogue. A missing library has the same codes; a disk that cannot be read is this machine's (58030).
 */
const STORED: ReadonlySet<string> = new Set(['58P01', 'XX000']);

/** Connections, rights to connect, memory and disk, shutdowns, a snapshot that has gone. */
const BEYOND_TABLES = /^(?:08|28|53|57|22023)/;

/** Rows that a policy hides from us would only look as if they were not there. */
function sayRight(message: string): string {
  const sql = message.includes('row-level security')
    ? 'ALTER ROLE … BYPASSRLS'
    : 'GRANT pg_read_all_data TO …';
  return `${message} (\`${sql};\` would let us)`;
}

const GONE = 'it was dropped meanwhile';
export const DROPPED: NotCounted = changed(GONE);

const REASONS: ReadonlyMap<string, string> = new Map([
  ['42P01', GONE],
  ['3F000', GONE],
  ['42703', 'its columns were changed meanwhile'],
]);
