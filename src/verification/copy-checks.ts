/** What is looked at in a restored copy: first as it stands, paused; then opened, for what must write. */
import type { Clock } from '../kernel/clock.ts';
import { compareLsn } from '../kernel/lsn.ts';
import { formatSeconds, formatUtc } from '../kernel/moment.ts';
import type { Programs } from '../postgres/programs.ts';
import type { Session } from '../postgres/session.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';
import type { ScratchRestore } from '../recovery/point-in-time/restore.ts';
import { runProgram } from '../subprocess/run.ts';
import type { Seen } from './checks.ts';
import { type ComparedTable, compareTable, type SourceTable } from './compare.ts';
import { isCorruption, isInability } from './damage.ts';
import { countRows, type Source } from './source.ts';

export interface CopyContext {
  readonly restored: ScratchRestore;
  readonly recovery: Pick<RecoveryDeps, 'connect' | 'scratch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const PROMOTE_SECONDS = 300;
const AMCHECK_MS = 6 * 3_600_000;
const AMCHECK_LINES = 5;
/** pg_amcheck.c: it exits with 2 when it has found corruption, with 1 when it could not check. */
const CORRUPTION_FOUND = 2;

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
}

export function judgeAge({ at, backupEndedAt, maxAgeSeconds, now }: AgeRequest): Seen {
  const newest = at ?? Temporal.Instant.from(backupEndedAt);
  const ageSeconds = Math.max(0, (now.epochMilliseconds - newest.epochMilliseconds) / 1000);
  const what = at === null ? 'none since the backup ended at ' : '';
  const when = `${what}${formatUtc(newest.round('second'))}`;
  const age = `${formatSeconds(ageSeconds)} before the proof began`;
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
    for (const table of tables.filter((one) => one.database === database)) {
      const name = databases.length === 1 ? table.table : `${database}.${table.table}`;
      compared.set(table, compareTable(name, table, await countRows(session, table.sqlName)));
    }
  }
  return tables.flatMap((table) => compared.get(table) ?? []);
}

/** Every database that accepts connections must do so in the copy. */
export async function openEveryDatabase(context: CopyContext): Promise<Seen> {
  const { restored } = context;
  const names = await databaseNames(context);
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
  return { verdict: 'PASS', detail: `${names.join(', ')} opened as ${restored.superuser}` };
}

async function databaseNames(context: CopyContext): Promise<readonly string[]> {
  await using session = await enter(context, context.restored.database);
  const rows = await session.query<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datallowconn ORDER BY datname',
  );
  return rows.map(({ name }) => name);
}

/** From here on the copy is a server of its own: nothing is compared any more. */
export async function promote(context: CopyContext): Promise<Seen> {
  await using session = await enter(context, context.restored.database);
  const [answer] = await session.query<{ done: boolean }>(
    `SELECT pg_promote(true, ${PROMOTE_SECONDS}) AS done`,
  );
  const [state] = await session.query<{ standby: boolean }>(
    'SELECT pg_is_in_recovery() AS standby',
  );
  if (answer?.done === true && state?.standby === false)
    return { verdict: 'PASS', detail: 'the copy opened for writing' };
  return { verdict: 'FAIL', detail: `it did not open for writing in ${PROMOTE_SECONDS} s` };
}

/** The structure of every index and the pages of every table, by PostgreSQL's own programs. */
export async function checkStructure(context: CopyContext, programs: Programs): Promise<Seen> {
  await using session = await enter(context, context.restored.database);
  const available = await session.query<{ version: string }>(
    `SELECT default_version AS version FROM pg_available_extensions WHERE name = 'amcheck'`,
  );
  if (available.length === 0)
    return { verdict: 'SKIPPED', detail: 'the extension amcheck is not installed here' };
  const program = programs.path('pg_amcheck');
  if (program === undefined) return await checkIndexesBySql(session);
  return await runAmcheck(context, program);
}

async function runAmcheck(
  { restored, recovery, signal }: CopyContext,
  program: string,
): Promise<Seen> {
  const place = ['--host', restored.place.socketFolder, '--port', '5432', '--no-password'];
  const who = ['--username', restored.superuser, '--maintenance-db', restored.database];
  const end = await runProgram(program, [...place, ...who, '--all', '--install-missing'], {
    signal,
    deadlineMs: AMCHECK_MS,
    cwd: '/',
    environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    user: recovery.scratch.user,
  });
  if (end.exitCode === 0)
    return { verdict: 'PASS', detail: 'pg_amcheck found no damage in tables and indexes' };
  const lines = `${end.stdout}\n${end.stderr}`.split('\n').filter((line) => line.trim() !== '');
  const words = lines.slice(0, AMCHECK_LINES).join('; ');
  if (end.exitCode === CORRUPTION_FOUND) return { verdict: 'FAIL', detail: `pg_amcheck: ${words}` };
  return { verdict: 'ERROR', detail: `pg_amcheck ended with ${end.exitCode}: ${words}` };
}

/** Without the program, the extension itself, for the indexes of this database. */
async function checkIndexesBySql(session: Session): Promise<Seen> {
  await session.query('CREATE EXTENSION IF NOT EXISTS amcheck');
  const indexes = await session.query<{ oid: string; name: string }>(
    `SELECT c.oid::text AS oid, c.oid::regclass::text AS name
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
     WHERE a.amname = 'btree' AND c.relpersistence = 'p' AND i.indisvalid AND c.relkind = 'i'`,
  );
  for (const { oid, name } of indexes) {
    try {
      await session.query('SELECT bt_index_check($1::oid::regclass)', [oid]);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return { verdict: 'FAIL', detail: `index ${name}: ${error.message}` };
    }
  }
  return {
    verdict: 'PASS',
    detail: `btree indexes read without damage: ${indexes.length}; tables not read`,
  };
}

async function enter(context: CopyContext, database: string): Promise<Session> {
  const { restored, recovery, signal } = context;
  const url = restored.cluster.url(database, restored.superuser);
  return recovery.connect(url, { signal, statementTimeoutMs: 0 });
}
