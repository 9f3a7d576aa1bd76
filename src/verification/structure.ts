/** The structure of every index and the pages of every table of a copy, by PostgreSQL's own programs. */
import { availableParallelism } from 'node:os';

import { isProblem } from '../kernel/problem.ts';
import type { Programs } from '../postgres/programs.ts';
import type { Session } from '../postgres/session.ts';
import { NO_PRELOADS } from '../recovery/point-in-time/restored-copy.ts';
import { runProgram } from '../subprocess/run.ts';
import type { Seen } from './checks.ts';
import { type CopyContext, databaseNames, enter } from './copy-checks.ts';
import { isCorruption } from './damage.ts';
import {
  type DamagedObject,
  LACKING,
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
  if (program === undefined) return await checkBySql(context, heapAllIndexed);
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
    const { looked, others } = await sayIndexes(context);
    return {
      verdict: 'PASS',
      detail: `${looked} and ${read}, no damage${sayRows(heapAllIndexed)}${others}`,
    };
  }
  if (end.exitCode === CORRUPTION_FOUND && damaged.length + unread.length > 0)
    return await judgeObjects(context, { damaged, unread }, 'pg_amcheck');
  const lines = `${end.stdout}\n${end.stderr}`.split('\n').filter((line) => line.trim() !== '');
  const words = lines.slice(0, TOLD_MAX).join('; ');
  if (end.exitCode === CORRUPTION_FOUND) return { verdict: 'FAIL', detail: `pg_amcheck: ${words}` };
  return { verdict: 'ERROR', detail: `pg_amcheck ended with ${end.exitCode}: ${words}` };
}

/** What this machine lacks is no damage: neither a library nor production's order of text. */
async function judgeObjects(
  context: CopyContext,
  { damaged, unread }: Pick<StructureReport, 'damaged' | 'unread'>,
  by: 'pg_amcheck' | 'amcheck',
): Promise<Seen> {
  const inDoubt = await textIndexesInDoubt(context);
  const own = damaged.filter(({ kind, name }) => kind !== 'btree index' || !inDoubt.has(name));
  if (own.length > 0) return { verdict: 'FAIL', detail: `${by}: ${sayFirst(own)}` };
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

/** Over all databases: `214 indexes`, and of which kinds none was looked at. */
async function sayIndexes(
  context: CopyContext,
): Promise<{ readonly looked: string; readonly others: string }> {
  const kinds = new Map<string, number>();
  for (const database of await databaseNames(context)) {
    await using session = await enter(context, database);
    const rows = await session.query<{ kind: string; indexes: string }>(INDEX_KINDS);
    for (const { kind, indexes } of rows) kinds.set(kind, (kinds.get(kind) ?? 0) + Number(indexes));
  }
  const looked = kinds.get(LOOKED_AT) ?? 0;
  const names = [...kinds]
    .filter(([kind]) => kind !== LOOKED_AT)
    .map(([kind, indexes]) => `${indexes.toLocaleString('en-US')} ${kind}`);
  return {
    looked: `${looked.toLocaleString('en-US')} ${looked === 1 ? 'index' : 'indexes'}`,
    others: names.length === 0 ? '' : `; not looked at: ${names.join(', ')}`,
  };
}

/** amcheck reads no others. */
const LOOKED_AT = 'btree';
const INDEX_KINDS = `
  SELECT CASE WHEN i.indisvalid THEN a.amname::text ELSE 'invalid ' || a.amname END AS kind,
         count(*)::text AS indexes
    FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am a ON a.oid = c.relam
   WHERE c.relkind = 'i' GROUP BY 1 ORDER BY 1`;

function sayRows(heapAllIndexed: boolean): string {
  return heapAllIndexed ? ', and every row in its indexes' : '';
}

function sayFirst(objects: readonly DamagedObject[]): string {
  const told = objects
    .slice(0, TOLD_MAX)
    .map(({ kind, name, words }) => `${kind} ${name}: ${words}`);
  const more = objects.length - TOLD_MAX;
  return `${told.join('; ')}${more > 0 ? ` … and ${more} more` : ''}`;
}

/** Without the program, the extension itself, in every database as the program does it. */
async function checkBySql(context: CopyContext, heapAllIndexed: boolean): Promise<Seen> {
  const damaged: DamagedObject[] = [];
  const unread: DamagedObject[] = [];
  const withoutTables: string[] = [];
  let tables = 0;
  const databases = await databaseNames(context);
  for (const database of databases) {
    await using session = await enter(context, database);
    const schema = await installAmcheck(session);
    const heaps = await findHeaps(session);
    if (heaps === undefined) withoutTables.push(database);
    tables += heaps?.length ?? 0;
    const indexes = await session.query<StructureObject>(BTREES);
    for (const object of [...(heaps ?? []), ...indexes]) {
      const words = await checkObject(session, object, { schema, heapAllIndexed });
      if (words === undefined) continue;
      const found = { kind: object.kind, name: `${database}.${object.name}`, words };
      (LACKING.test(words) ? unread : damaged).push(found);
    }
  }
  if (damaged.length + unread.length > 0)
    return await judgeObjects(context, { damaged, unread }, 'amcheck');
  const { looked, others } = await sayIndexes(context);
  const where = `in ${databases.join(', ')}`;
  if (withoutTables.length > 0) {
    const detail = `${looked} ${where} without damage${others}; tables were not read: this version of amcheck cannot`;
    return { verdict: 'SKIPPED', detail };
  }
  const read = `${tables.toLocaleString('en-US')} tables`;
  return {
    verdict: 'PASS',
    detail: `${looked} and ${read} ${where}, no damage${sayRows(heapAllIndexed)}${others}`,
  };
}

/** Answers its schema, quoted: production may have had it, wherever it liked. */
async function installAmcheck(session: Session): Promise<string> {
  await session.query('CREATE EXTENSION IF NOT EXISTS amcheck WITH SCHEMA pg_catalog');
  const [row] = await session.query<{ schema: string }>(
    `SELECT quote_ident(n.nspname) AS schema
       FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'`,
  );
  return row?.schema ?? 'pg_catalog';
}

interface StructureObject {
  readonly kind: 'btree index' | 'heap table';
  readonly oid: string;
  /** `public.orders`. */
  readonly name: string;
}

/** Undefined: this version of the extension reads none. */
async function findHeaps(session: Session): Promise<readonly StructureObject[] | undefined> {
  const [can] = await session.query<{ heaps: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'verify_heapam') AS heaps`,
  );
  return can?.heaps === true ? await session.query<StructureObject>(HEAPS) : undefined;
}

const HEAPS = `
  SELECT 'heap table' AS kind, c.oid::text AS oid, n.nspname || '.' || c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
   WHERE a.amname = 'heap' AND c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't'`;
const BTREES = `
  SELECT 'btree index' AS kind, c.oid::text AS oid, n.nspname || '.' || c.relname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE a.amname = '${LOOKED_AT}' AND c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid`;

/** What is wrong with it; undefined: nothing. */
async function checkObject(
  session: Session,
  { kind, oid }: StructureObject,
  { schema, heapAllIndexed }: { readonly schema: string; readonly heapAllIndexed: boolean },
): Promise<string | undefined> {
  try {
    if (kind === 'btree index') {
      const sql = `SELECT ${schema}.bt_index_check($1::oid::regclass, $2)`;
      await session.query(sql, [oid, heapAllIndexed]);
      return undefined;
    }
    const [wrong] = await session.query<{ words: string }>(
      `SELECT format('block %s, offset %s: %s', blkno, offnum, msg) AS words
         FROM ${schema}.verify_heapam($1::oid::regclass, on_error_stop => true, check_toast => true)`,
      [oid],
    );
    return wrong?.words;
  } catch (error) {
    if (!isProblem(error)) throw error;
    const { message } = error;
    if (!isCorruption(error) && !LACKING.test(message)) throw error;
    return message;
  }
}
