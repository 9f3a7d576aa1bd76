/** Finds tables by the words people use, and reads how they are made. */
import { nearestWord } from '../../kernel/nearest.ts';
import { Problem } from '../../kernel/problem.ts';
import { quoteIdentifier, type Session } from '../../postgres/session.ts';
import { TABLE_UNKNOWN } from '../problems.ts';

export interface FoundTable {
  /** `orders`, or with its schema where that is not `public`: `sales.orders`. */
  readonly table: string;
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  /** Quoted, with its schema. */
  readonly sqlName: string;
}

interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
}

const TABLES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'dbdr\\_restored\\_%'
  ORDER BY n.nspname = 'public' DESC, n.nspname, c.relname`;

/** Tables that are there, and the words that name none. */
export async function findTables(
  session: Session,
  words: readonly string[],
): Promise<{ readonly found: readonly FoundTable[]; readonly unknown: readonly string[] }> {
  const rows = await session.query<TableRow>(TABLES);
  const found: FoundTable[] = [];
  const unknown: string[] = [];
  for (const word of words) {
    const row = rows.find((candidate) => isNamed(candidate, word));
    if (row === undefined) unknown.push(word);
    else if (!found.some(({ oid }) => oid === row.oid)) found.push(describe(row));
  }
  return { found, unknown };
}

/** @throws Problem TABLE_UNKNOWN with the one likely meant. */
export async function requireTables(
  session: Session,
  words: readonly string[],
  database: string,
): Promise<readonly FoundTable[]> {
  const { found, unknown } = await findTables(session, words);
  const [first] = unknown;
  if (first === undefined) return found;
  const rows = await session.query<TableRow>(TABLES);
  const near = nearestWord(
    first,
    rows.flatMap(({ schema, name }) => [name, `${schema}.${name}`]),
  );
  throw new Problem(
    TABLE_UNKNOWN,
    `Cannot find table "${first}": database "${database}" did not have it at that moment`,
    {
      facts: { table: first, database },
      ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
    },
  );
}

function isNamed({ schema, name }: TableRow, word: string): boolean {
  return `${schema}.${name}` === word || name === word;
}

function describe({ oid, schema, name }: TableRow): FoundTable {
  return {
    table: schema === 'public' ? name : `${schema}.${name}`,
    schema,
    name,
    oid,
    sqlName: `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
  };
}

export interface Column {
  readonly name: string;
  /** As `format_type()` writes it: `character varying(20)`. */
  readonly type: string;
  readonly generated: boolean;
}

export interface TableShape {
  readonly columns: readonly Column[];
  /** Empty: no primary key. */
  readonly primaryKey: readonly string[];
}

export async function readShape(session: Session, oid: string): Promise<TableShape> {
  const columns = await session.query<Column>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attgenerated <> '' AS generated
     FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [oid],
  );
  const key = await session.query<{ name: string }>(
    `SELECT a.attname AS name
     FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = $1::oid AND i.indisprimary ORDER BY k.place`,
    [oid],
  );
  return { columns, primaryKey: key.map(({ name }) => name) };
}
