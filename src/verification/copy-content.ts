/**
 * Counts and hashes in the restored copy what was counted and hashed in production. The copy is paused, so
 * all sessions see the same; a table that a transaction had locked at that very position stays locked and is
 * not compared.
 */
import { availableParallelism } from 'node:os';

import type { DatabaseContent, TableContent } from '../engines/proof-point.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Session } from '../postgres/session.ts';
import {
  type CountableTable,
  nameOf,
  prepareCounting,
  readCountables,
} from '../postgres/table-content.ts';
import type { ComparedTable } from './compare.ts';
import { compareContent, type RestoredTable, standsElsewhere } from './compare-exact.ts';
import { type CopyContext, enter } from './copy-checks.ts';
import { countTables, type PlannedTable } from './count-tables.ts';
import type { HashPlan } from './day-part.ts';
import { READ_ONLY } from './read-databases.ts';

/** Nothing in a paused copy ever lets go of a lock. */
const LOCK_SECONDS = 1;
const SESSIONS_MAX = 4;
/** The run's own deadline holds. */
const LIMIT_MS = 24 * 3_600_000;
/** Source: PostgreSQL docs, Appendix A: `invalid_catalog_name`. */
const NO_DATABASE = '3D000';

/** In the order of the content. `prefix`: stands before each name where several databases are proved. */
export async function compareDatabase(
  context: CopyContext,
  content: DatabaseContent,
  prefix: string,
): Promise<readonly ComparedTable[]> {
  const restored = await readRestored(context, content).catch((error: unknown) => {
    context.signal.throwIfAborted();
    if (isProblem(error) && error.facts['sqlState'] === NO_DATABASE) return undefined;
    throw error;
  });
  return content.tables.map((table) => {
    const seen = restored === undefined ? MISSING : restored.get(table);
    return compareContent(`${prefix}${nameOf(table)}`, table, seen ?? MISSING);
  });
}

const MISSING: RestoredTable = { outcome: 'missing' };

async function readRestored(
  context: CopyContext,
  { database, tables }: DatabaseContent,
): Promise<ReadonlyMap<TableContent, RestoredTable>> {
  const { clock, signal } = context;
  const there = await findTables(context, database);
  const answers = new Map<TableContent, RestoredTable>();
  const pairs: { readonly source: TableContent; readonly planned: PlannedTable }[] = [];
  for (const source of tables) {
    const table = there.get(keyOf(source));
    const elsewhere = table === undefined ? MISSING : standsElsewhere(source, table.fileNode);
    if (elsewhere !== undefined) answers.set(source, elsewhere);
    else if (table !== undefined) pairs.push({ source, planned: { table, plan: planOf(source) } });
  }
  const counted = await countTables({
    open: async () => openReader(context, database),
    begin: READ_ONLY,
    tables: pairs.map(({ planned }) => planned),
    parallel: Math.min(SESSIONS_MAX, availableParallelism()),
    lockSeconds: LOCK_SECONDS,
    deadlineMs: clock.elapsedMs() + LIMIT_MS,
    clock,
    signal,
  });
  for (const [index, { source }] of pairs.entries()) answers.set(source, sayOfCopy(counted[index]));
  return answers;
}

function sayOfCopy(counted: RestoredTable | undefined): RestoredTable {
  if (counted?.outcome !== 'left out') return counted ?? MISSING;
  if (counted.why !== 'locked') return counted;
  const reason = 'a transaction that was still open there holds it locked in the copy';
  return { outcome: 'left out', reason, why: 'locked' };
}

/** The very pages that were hashed in production: it is the same file. */
function planOf(source: TableContent): HashPlan {
  if (source.hash === null) return { kind: 'none' };
  return source.pages === null ? { kind: 'all' } : { kind: 'pages', ...source.pages };
}

async function findTables(
  context: CopyContext,
  database: string,
): Promise<ReadonlyMap<string, CountableTable>> {
  await using session = await openReader(context, database);
  const { tables } = await readCountables(session);
  return new Map(tables.map((table) => [keyOf(table), table]));
}

function keyOf({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return JSON.stringify([schema, table]);
}

async function openReader(context: CopyContext, database: string): Promise<Session> {
  const session = await enter(context, database);
  await prepareCounting(session, { lockSeconds: LOCK_SECONDS });
  return session;
}
