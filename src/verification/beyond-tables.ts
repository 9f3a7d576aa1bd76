/**
 * Names what a server holds beside the tables that a proof looks at: large objects, and the databases that it was
 * not told to prove. Nobody must take silence for a proof of them. Only reads.
 */
import type { Session } from '../postgres/session.ts';

export interface ProvedDatabase {
  readonly database: string;
  /** All that are proved; what concerns the whole server is said with the first. */
  readonly databases: readonly string[];
}

/** More is not counted one by one. */
const OBJECTS_MAX = 100_000;
const NAMES_MAX = 20;

const BEYOND = `
  SELECT (SELECT count(*) FROM (SELECT FROM pg_largeobject_metadata LIMIT ${OBJECTS_MAX}) o)::int AS objects,
         ARRAY(SELECT d.datname::text FROM pg_database d
                WHERE d.datallowconn AND NOT d.datistemplate AND d.datname::text <> ALL($1::text[])
                ORDER BY d.datname) AS others`;

/** One clause each: `3 large objects`, `database crm`. */
export async function readBeyondTables(
  session: Session,
  { database, databases }: ProvedDatabase,
): Promise<readonly string[]> {
  const [row] = await session.query<{
    readonly objects: number;
    readonly others: readonly string[];
  }>(BEYOND, [databases]);
  const { objects = 0, others = [] } = row ?? {};
  const where = databases.length === 1 ? '' : ` of ${database}`;
  const isFirst = database === databases[0];
  return [...sayObjects(objects, where), ...(isFirst ? sayDatabases(others) : [])];
}

function sayObjects(objects: number, where: string): readonly string[] {
  if (objects === 0) return [];
  if (objects === 1) return [`1 large object${where}`];
  const count = objects.toLocaleString('en-US');
  return [`${objects === OBJECTS_MAX ? `${count} or more` : count} large objects${where}`];
}

/** Every server has one that is called `postgres`, and hardly anybody keeps anything there. */
const NEARLY_EMPTY = 'database postgres';

/** Whether a clause names a database that may hold what nobody looks at. */
export function isOtherDatabase(clause: string): boolean {
  return /^database |^\d+ more databases$/.test(clause) && clause !== NEARLY_EMPTY;
}

function sayDatabases(names: readonly string[]): readonly string[] {
  const more = names.length - NAMES_MAX;
  return [
    ...names.slice(0, NAMES_MAX).map((name) => `database ${name}`),
    ...(more > 0 ? [`${more} more databases`] : []),
  ];
}
