/** Reads what stands in one database, in sessions that all see the same: what a snapshot or a standstill gives. */
import type { DatabaseContent, MissedTable, TableContent } from '../engines/proof-point.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Lsn } from '../kernel/lsn.ts';
import type { Session } from '../postgres/session.ts';
import { nameOf, prepareCounting, readCountables } from '../postgres/table-content.ts';
import { readTextStates } from '../postgres/text-states.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';
import { type ContentBudget, planTables, sayKinds, sayMissed } from './content.ts';
import { type CountedTable, countTables, type PlannedTable } from './count-tables.ts';
import type { LateBefore } from './late-tables.ts';

export interface ReadDatabase {
  readonly url: string;
  readonly database: string;
  /** Sees what is read. */
  readonly leader: Session;
  /** Begins a transaction that sees the same. */
  readonly begin: string;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
  readonly budget: ContentBudget;
  readonly deadlineMs: number;
  readonly lateBefore?: LateBefore | undefined;
  readonly alsoRead?: ((session: Session, database: string) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
}

export const READ_ONLY = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const APPLICATION = 'dbdr verify';
/** Tables may take all the time there is; what is small is read all the same. */
const LEAST_MS = 1000;

type Means = Pick<RecoveryDeps, 'connect' | 'clock'>;

/** A session that counts: no statement of it waits for a lock for longer than allowed. */
export async function openReader(
  { connect }: Means,
  { url, database, budget, signal }: Pick<ReadDatabase, 'url' | 'database' | 'budget' | 'signal'>,
): Promise<Session> {
  const seconds = Math.max(1, budget.seconds);
  const session = await connect(url, {
    signal,
    database,
    applicationName: APPLICATION,
    statementTimeoutMs: seconds * 1000,
  });
  await prepareCounting(session, { lockSeconds: budget.lockSeconds, seconds });
  return session;
}

export async function readDatabase(means: Means, request: ReadDatabase): Promise<DatabaseContent> {
  const { leader, begin, budget, deadlineMs, signal, database, lsn, at } = request;
  const { tables, leftOut: kinds } = await readCountables(leader);
  const { planned, leftOut } = planTables(tables, request);
  const states = await readTextStates(leader);
  const counted = await countTables({
    open: async () => openReader(means, request),
    begin,
    tables: planned,
    parallel: budget.parallel,
    lockSeconds: budget.lockSeconds,
    deadlineMs,
    clock: means.clock,
    signal,
  });
  // The last: where it fails, the transaction that holds the snapshot fails with it.
  if (request.alsoRead !== undefined) {
    const leftMs = Math.max(LEAST_MS, Math.floor(deadlineMs - means.clock.elapsedMs()));
    await leader.query(`SET LOCAL statement_timeout TO ${leftMs}`);
    await request.alsoRead(leader, database);
  }
  const changed = await findChanged(means, request, states);
  const seen = planned.map((one, index): Seen => {
    const answer = counted[index];
    const isOther = answer?.outcome === 'counted' && changed.has(one.table.oid);
    return { ...one, answer: isOther ? TYPE_CHANGED : answer };
  });
  const missed = seen.flatMap(missedOf);
  return {
    database,
    lsn,
    at: utcText(at),
    tables: seen
      .flatMap(({ answer, ...one }) => contentOf(one, answer))
      .toReversed()
      .toSorted(largestFirst),
    leftOut: [...sayKinds(kinds), ...leftOut, ...missed.map(sayMissed)],
    missed,
  };
}

/** Its rows are written as text by the catalogue of the moment: what was hashed may be of no snapshot. */
const TYPE_CHANGED: CountedTable = {
  outcome: 'left out',
  reason: 'a type of its columns was changed meanwhile',
  why: 'changed',
};

/** Tables whose rows may not have looked as in the snapshot. Another session looks: ours sees what it saw. */
async function findChanged(
  means: Means,
  request: ReadDatabase,
  states: ReadonlyMap<string, string>,
): Promise<ReadonlySet<string>> {
  if (states.size === 0) return new Set();
  await using session = await openReader(means, request);
  const now = await readTextStates(session);
  return new Set([...states].flatMap(([oid, state]) => (now.get(oid) === state ? [] : [oid])));
}

/** Those that were read first may be large ones. */
function largestFirst(a: TableContent, b: TableContent): number {
  return b.sizeBytes - a.sizeBytes;
}

type Seen = PlannedTable & { readonly answer: CountedTable | undefined };

function missedOf({ table, answer }: Seen): readonly MissedTable[] {
  if (answer === undefined || answer.outcome === 'counted') return [];
  const why = answer.outcome === 'left out' ? answer.why : 'unreadable';
  return [{ table: nameOf(table), why, reason: answer.reason }];
}

function contentOf(
  { table, plan }: PlannedTable,
  answer: CountedTable | undefined,
): readonly TableContent[] {
  if (answer?.outcome !== 'counted') return [];
  const { schema, table: name, fileNode, sizeBytes } = table;
  const { rows, hash } = answer;
  const pages = plan.kind === 'pages' ? { fromPage: plan.fromPage, toPage: plan.toPage } : null;
  return [{ schema, table: name, rows, hash, pages, fileNode, sizeBytes }];
}
