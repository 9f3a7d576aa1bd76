/** The structure of every index and the pages of every table of a copy, by PostgreSQL's own programs. */
import { availableParallelism } from 'node:os';

import type { Programs } from '../postgres/programs.ts';
import type { Session } from '../postgres/session.ts';
import { NO_PRELOADS } from '../recovery/point-in-time/restored-copy.ts';
import { runProgram } from '../subprocess/run.ts';
import type { Seen } from './checks.ts';
import { type CopyContext, databaseNames, enter } from './copy-checks.ts';
import { isCorruption } from './damage.ts';
import {
  type DamagedObject,
  readStructureReport,
  type StructureReport,
  sayPages,
} from './structure-report.ts';

const AMCHECK_MS = 6 * 3_600_000;
const TOLD_MAX = 5;
/** pg_amcheck.c: it exits with 2 when it has found corruption, with 1 when it could not check. */
const CORRUPTION_FOUND = 2;
/** Sessions of pg_amcheck; each reads one object at a time. */
const JOBS_MAX = 4;

export interface StructureOptions {
  readonly programs: Programs;
  /** Looks for each row in each index: an index may be sound and lack rows. */
  readonly heapAllIndexed: boolean;
}

export async function checkStructure(
  context: CopyContext,
  { programs, heapAllIndexed }: StructureOptions,
): Promise<Seen> {
  await using session = await enter(context, context.restored.database);
  const available = await session.query<{ version: string }>(
    `SELECT default_version AS version FROM pg_available_extensions WHERE name = 'amcheck'`,
  );
  if (available.length === 0)
    return { verdict: 'SKIPPED', detail: 'the extension amcheck is not installed here' };
  const program = programs.path('pg_amcheck');
  if (program === undefined) return await checkIndexesBySql(session, heapAllIndexed);
  return await runAmcheck(context, program, heapAllIndexed);
}

async function runAmcheck(
  context: CopyContext,
  program: string,
  heapAllIndexed: boolean,
): Promise<Seen> {
  const { restored, recovery, signal } = context;
  const place = ['--host', restored.place.socketFolder, '--port', '5432', '--no-password'];
  const who = ['--username', restored.superuser, '--maintenance-db', restored.database];
  const jobs = `--jobs=${Math.min(JOBS_MAX, availableParallelism())}`;
  const how = ['--all', '--install-missing', '--progress', jobs];
  const rows = heapAllIndexed ? ['--heapallindexed'] : [];
  const end = await runProgram(program, [...place, ...who, ...how, ...rows], {
    signal,
    deadlineMs: AMCHECK_MS,
    cwd: '/',
    environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin', PGOPTIONS: NO_PRELOADS },
    user: recovery.scratch.user,
  });
  const { damaged, unread, pages } = readStructureReport(end.stdout, end.stderr);
  if (end.exitCode === 0) {
    const read = pages === undefined ? 'every page' : `${sayPages(pages)} pages`;
    const found = heapAllIndexed ? ', and every row in its indexes' : '';
    return {
      verdict: 'PASS',
      detail: `${await sayIndexes(context)} and ${read}, no damage${found}`,
    };
  }
  if (end.exitCode === CORRUPTION_FOUND && damaged.length + unread.length > 0)
    return await judgeObjects(context, { damaged, unread });
  const lines = `${end.stdout}\n${end.stderr}`.split('\n').filter((line) => line.trim() !== '');
  const words = lines.slice(0, TOLD_MAX).join('; ');
  if (end.exitCode === CORRUPTION_FOUND) return { verdict: 'FAIL', detail: `pg_amcheck: ${words}` };
  return { verdict: 'ERROR', detail: `pg_amcheck ended with ${end.exitCode}: ${words}` };
}

/** What this machine lacks is no damage: neither a library nor production's order of text. */
async function judgeObjects(
  context: CopyContext,
  { damaged, unread }: Pick<StructureReport, 'damaged' | 'unread'>,
): Promise<Seen> {
  const inDoubt = await textIndexesInDoubt(context);
  const own = damaged.filter(({ kind, name }) => kind !== 'btree index' || !inDoubt.has(name));
  if (own.length > 0) return { verdict: 'FAIL', detail: `pg_amcheck: ${sayFirst(own)}` };
  const told = [
    ...(damaged.length === 0
      ? []
      : [`text is ordered otherwise here, so these cannot be judged: ${sayFirst(damaged)}`]),
    ...(unread.length === 0 ? [] : [`cannot be looked at here: ${sayFirst(unread)}`]),
  ];
  return { verdict: 'ERROR', detail: told.join('; ') };
}

/** `database.schema.index`, as pg_amcheck names them. */
async function textIndexesInDoubt(context: CopyContext): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const database of await databaseNames(context)) {
    await using session = await enter(context, database);
    const rows = await session.query<{ name: string }>(TEXT_INDEXES);
    for (const { name } of rows) names.add(`${database}.${name}`);
  }
  return names;
}

const TEXT_INDEXES = `
  SELECT DISTINCT n.nspname || '.' || c.relname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_collation l ON l.oid = ANY (i.indcollation)
    JOIN pg_database d ON d.datname = current_database()
   WHERE l.collversion <> pg_collation_actual_version(l.oid)
      OR (l.collprovider = 'd' AND d.datcollversion <> pg_database_collation_actual_version(d.oid))`;

/** Over all databases: `214 indexes`. */
async function sayIndexes(context: CopyContext): Promise<string> {
  let indexes = 0;
  for (const database of await databaseNames(context)) {
    await using session = await enter(context, database);
    const [row] = await session.query<{ indexes: string }>(
      `SELECT count(*)::text AS indexes FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
       JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relkind = 'i' AND i.indisvalid`,
    );
    indexes += Number(row?.indexes ?? 0);
  }
  return `${indexes.toLocaleString('en-US')} ${indexes === 1 ? 'index' : 'indexes'}`;
}

function sayFirst(objects: readonly DamagedObject[]): string {
  const told = objects
    .slice(0, TOLD_MAX)
    .map(({ kind, name, words }) => `${kind} ${name}: ${words}`);
  const more = objects.length - TOLD_MAX;
  return `${told.join('; ')}${more > 0 ? ` … and ${more} more` : ''}`;
}

/** Without the program, the extension itself, for the indexes of this database. */
async function checkIndexesBySql(session: Session, heapAllIndexed: boolean): Promise<Seen> {
  await session.query('CREATE EXTENSION IF NOT EXISTS amcheck');
  const indexes = await session.query<{ oid: string; name: string }>(
    `SELECT c.oid::text AS oid, c.oid::regclass::text AS name
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
     WHERE a.amname = 'btree' AND c.relpersistence = 'p' AND i.indisvalid AND c.relkind = 'i'`,
  );
  for (const { oid, name } of indexes) {
    try {
      await session.query('SELECT bt_index_check($1::oid::regclass, $2)', [oid, heapAllIndexed]);
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
