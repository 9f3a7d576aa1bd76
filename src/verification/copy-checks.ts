/** What is looked at in a restored copy: first as it stands, paused; then opened, for what must write. */
import type { Clock } from '../kernel/clock.ts';
import { CLOCK_OFF_PAGE_SECONDS } from '../kernel/clock-off.ts';
import { compareLsn, type Lsn } from '../kernel/lsn.ts';
import { formatSeconds, formatUtc } from '../kernel/moment.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Session } from '../postgres/session.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';
import { openCopy } from '../recovery/point-in-time/open-copy.ts';
import type { ScratchRestore } from '../recovery/point-in-time/restore.ts';
import { withoutPreloads } from '../recovery/point-in-time/restored-copy.ts';
import { RECOVERY_FAILED } from '../recovery/problems.ts';
import type { Seen } from './checks.ts';
import {
  type ComparedTable,
  compareTable,
  type RestoredRows,
  type SourceTable,
} from './compare.ts';
import { sayFailure } from './count-tables.ts';
import { isInability } from './damage.ts';
import { standsAt } from './position.ts';
import { countRows, type Source } from './source.ts';

export interface CopyContext {
  readonly restored: Pick<ScratchRestore, 'superuser' | 'database' | 'reached' | 'how'> & {
    readonly cluster: Pick<ScratchRestore['cluster'], 'url' | 'stop'>;
    readonly place: Pick<ScratchRestore['place'], 'socketFolder' | 'dataDirectory'>;
  };
  readonly recovery: Pick<RecoveryDeps, 'connect'> & {
    readonly scratch: Pick<RecoveryDeps['scratch'], 'user'>;
  };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Ending early is FAIL, whatever anybody's exit code says; so is standing anywhere else. */
export function judgeExactPosition({ reached }: Pick<ScratchRestore, 'reached'>, lsn: Lsn): Seen {
  if (standsAt(reached.lsn, lsn))
    return { verdict: 'PASS', detail: `${lsn}, exactly where production was counted` };
  const detail = `the copy stands at ${reached.lsn}, production was counted at ${lsn}`;
  return { verdict: 'FAIL', detail };
}

/** Ending early is FAIL, whatever anybody's exit code says. */
export function judgePosition({ restored }: Pick<CopyContext, 'restored'>, source: Source): Seen {
  const { lsn } = restored.reached;
  if (compareLsn(lsn, source.lsn) >= 0)
    return { verdict: 'PASS', detail: `${lsn} reached, production stood at ${source.lsn}` };
  const detail = `the copy ends at ${lsn}, production stood at ${source.lsn} when the proof began`;
  return { verdict: 'FAIL', detail };
}

export interface AgeRequest {
  /** Null: no transaction was replayed since the backup ended. */
  readonly at: Temporal.Instant | null;
  readonly backupEndedAt: string;
  readonly maxAgeSeconds: number;
  readonly now: Temporal.Instant;
  /** What happened then. Default: the proof began. */
  readonly asOf?: string;
}

/** What is dated in the future was dated by a wrong clock, and may be of any age: that is no PASS. */
export function judgeAge(request: AgeRequest): Seen {
  const { at, backupEndedAt, maxAgeSeconds, now, asOf = 'the proof began' } = request;
  const newest = at ?? Temporal.Instant.from(backupEndedAt);
  const aheadSeconds = (newest.epochMilliseconds - now.epochMilliseconds) / 1000;
  const ageSeconds = Math.max(0, -aheadSeconds);
  const what = at === null ? 'none since the backup ended at ' : '';
  const when = `${what}${formatUtc(newest.round('second'))}`;
  if (aheadSeconds > CLOCK_OFF_PAGE_SECONDS) {
    const detail = `${when}, ${formatSeconds(aheadSeconds)} after ${asOf}: a clock was wrong, so its age cannot be told`;
    return { verdict: 'ERROR', detail };
  }
  const age = `${formatSeconds(ageSeconds)} before ${asOf}`;
  if (ageSeconds <= maxAgeSeconds) return { verdict: 'PASS', detail: `${when}, ${age}` };
  const limit = formatSeconds(maxAgeSeconds);
  return { verdict: 'FAIL', detail: `${when}, ${age}; it may be ${limit} old at most` };
}

/** Counts the same tables in the copy. */
export async function compareWithCopy(
  context: CopyContext,
  tables: readonly SourceTable[],
): Promise<readonly ComparedTable[]> {
  const databases = [...new Set(tables.map(({ database }) => database))];
  const compared = new Map<SourceTable, ComparedTable>();
  for (const database of databases) {
    await using session = await enter(context, database);
    // Nothing in a paused copy ever lets go of a lock.
    await session.query(`SET lock_timeout TO ${LOCK_SECONDS * 1000}`);
    for (const table of tables.filter((one) => one.database === database)) {
      const name = databases.length === 1 ? table.table : `${database}.${table.table}`;
      compared.set(table, compareTable(name, table, await countInCopy(context, session, table)));
    }
  }
  return tables.flatMap((table) => compared.get(table) ?? []);
}

const LOCK_SECONDS = 1;

/** @throws what says nothing about this table alone. */
async function countInCopy(
  { signal }: Pick<CopyContext, 'signal'>,
  session: Session,
  { sqlName }: SourceTable,
): Promise<RestoredRows> {
  try {
    return await countRows(session, sqlName);
  } catch (error) {
    signal.throwIfAborted();
    return sayFailure(error, LOCK_SECONDS);
  }
}

/** Every database that accepts connections must do so in the copy. */
export async function openEveryDatabase(context: CopyContext): Promise<Seen> {
  const { restored } = context;
  const databases = await listDatabases(context);
  const names = namesOf(databases);
  const broken: string[] = [];
  for (const name of names) {
    try {
      await using session = await enter(context, name);
      // Reads the database's own catalogue, which has files of its own.
      await session.query(
        'SELECT count(*) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid',
      );
    } catch (error) {
      context.signal.throwIfAborted();
      if (isInability(error)) throw error;
      broken.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (broken.length > 0) return { verdict: 'FAIL', detail: broken.join('; ') };
  const opened = `${names.join(', ')} opened as ${restored.superuser}`;
  const dropped = databases.flatMap(({ name, isHalfDropped }) => (isHalfDropped ? [name] : []));
  if (dropped.length === 0) return { verdict: 'PASS', detail: opened };
  const detail = `${opened}; a DROP DATABASE that was cut short in production left: ${dropped.join(', ')}`;
  return { verdict: 'PASS', detail };
}

/** Those that accept connections. */
export async function databaseNames(context: CopyContext): Promise<readonly string[]> {
  return namesOf(await listDatabases(context));
}

interface CopyDatabase {
  readonly name: string;
  /** Nobody may connect to what an interrupted DROP DATABASE leaves, in production neither. */
  readonly isHalfDropped: boolean;
}

// pg_database.h, DATCONNLIMIT_INVALID_DB.
const DATABASES = `
  SELECT datname AS name, datconnlimit = -2 AS "isHalfDropped"
    FROM pg_database WHERE datallowconn ORDER BY datname`;

async function listDatabases(context: CopyContext): Promise<readonly CopyDatabase[]> {
  await using session = await enter(context, context.restored.database);
  return await session.query<CopyDatabase>(DATABASES);
}

function namesOf(databases: readonly CopyDatabase[]): readonly string[] {
  return databases.flatMap(({ name, isHalfDropped }) => (isHalfDropped ? [] : [name]));
}

/** From here on the copy is a server of its own: nothing is compared any more. */
export async function promote(context: CopyContext): Promise<Seen> {
  const { restored, clock, signal } = context;
  await using session = await enter(context, restored.database);
  try {
    await openCopy(session, { how: restored.how, clock, signal });
  } catch (error) {
    if (!isProblem(error, RECOVERY_FAILED)) throw error;
    return { verdict: 'FAIL', detail: 'it did not open for writing' };
  }
  return { verdict: 'PASS', detail: 'the copy opened for writing' };
}

/** As superuser of the copy, without production's libraries; a statement may take as long as it takes. */
export async function enter(context: CopyContext, database: string): Promise<Session> {
  const { restored, recovery, signal } = context;
  const url = withoutPreloads(restored.cluster.url(database, restored.superuser));
  return recovery.connect(url, { signal, statementTimeoutMs: 0 });
}
