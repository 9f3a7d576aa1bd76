/**
 * Counts and hashes the rows of a table, whole or by pages, so that two servers which hold the same rows
 * answer the same: rows are hashed as text under equal settings, and the sum of the hashes does not depend on
 * their order. Only reads. A table is named by its schema and name; its columns are those of the snapshot.
 */
import { isProblem, Problem } from '../kernel/problem.ts';
import { QUERY_FAILED } from './problems.ts';
import { quoteIdentifier, type Session } from './session.ts';

/**
 * Whatever changes how a value looks as text, or which rows are shown: without `row_security` a policy
 * that hides rows is an error and not a smaller count. Times are set by `connect()` already. Names of
 * objects are written with their schema, whatever the role's own path is.
 */
const SAME_WORDS = `
  SET search_path TO pg_catalog; SET bytea_output TO hex; SET lc_monetary TO 'C'; SET xmlbinary TO base64;
  SET xmloption TO content; SET quote_all_identifiers TO off; SET row_security TO off; SET jit TO off;
  SET max_parallel_workers_per_gather TO 0`;

/**
 * Should our machine lose its power, nobody tells the server: without these it would hold the snapshot for two
 * hours, as long as TCP waits by default. Over a socket file they mean nothing.
 */
const NOTICES_DEATH = `
  SET tcp_keepalives_idle TO 30; SET tcp_keepalives_interval TO 10; SET tcp_keepalives_count TO 3`;
const CHECK_INTERVAL = `SET client_connection_check_interval TO '10s'`;
/** Source: PostgreSQL docs, Appendix A: `invalid_parameter_value`, where the system cannot do it. */
const NOT_ON_THIS_SYSTEM = '22023';
/** Who goes over his own time ends by himself; the server only ends what is left of the dead. */
const GRACE_MS = 60_000;

export interface CountingLimits {
  readonly lockSeconds: number;
  /** How long a transaction may stay open. Default: for ever. */
  readonly seconds?: number;
}

/** To be called once for each session that counts. */
export async function prepareCounting(
  session: Session,
  { lockSeconds, seconds }: CountingLimits,
): Promise<void> {
  const longestMs = seconds === undefined ? 0 : Math.round(seconds * 1000) + GRACE_MS;
  // Whatever the role's own are. Newer versions have one more way to end a snapshot that is held.
  await session.query(
    `SELECT set_config(name, '${longestMs}', false) FROM pg_settings
      WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')`,
  );
  const lockMs = Math.round(lockSeconds * 1000);
  await session.query(`${SAME_WORDS}; ${NOTICES_DEATH}; SET lock_timeout TO ${lockMs}`);
  await session.query(CHECK_INTERVAL).catch((error: unknown) => {
    if (!isProblem(error) || error.facts['sqlState'] !== NOT_ON_THIS_SYSTEM) throw error;
  });
}

export interface CountableTable {
  readonly schema: string;
  readonly table: string;
  /** Decimal text. */
  readonly oid: string;
  readonly fileNode: string;
  /** Those that are stored, in order. */
  readonly columns: readonly string[];
  /** With its TOAST, without its indexes. */
  readonly sizeBytes: number;
  /** Of the table itself. */
  readonly pages: number;
  /** Whether its rows lie in pages that can be asked for. */
  readonly isHeap: boolean;
}

export interface Countables {
  /** Ordinary tables, partitions and materialized views; the largest first. */
  readonly tables: readonly CountableTable[];
  /** Names of what cannot be compared, by kind. */
  readonly leftOut: readonly { readonly kind: string; readonly names: readonly string[] }[];
}

/** As the session's snapshot sees them, but for their sizes, which are those of this moment. */
export async function readCountables(session: Session): Promise<Countables> {
  const rows = await session.query<TableRow>(TABLES);
  const tables = rows.filter(({ leftOut }) => leftOut === null);
  const kinds = new Map<string, string[]>();
  for (const { leftOut, ...row } of rows) {
    if (leftOut === null) continue;
    const names = kinds.get(leftOut) ?? [];
    names.push(nameOf(row));
    kinds.set(leftOut, names);
  }
  return {
    tables: tables.map((row) => ({
      schema: row.schema,
      table: row.table,
      oid: row.oid,
      fileNode: row.file_node,
      columns: row.columns,
      sizeBytes: Number(row.size),
      pages: Number(row.pages),
      isHeap: row.heap,
    })),
    leftOut: [...kinds].map(([kind, names]) => ({ kind, names: names.toSorted() })),
  };
}

/** `orders`, or with its schema where that is not `public`. */
export function nameOf({
  schema,
  table,
}: {
  readonly schema: string;
  readonly table: string;
}): string {
  return schema === 'public' ? table : `${schema}.${table}`;
}

interface TableRow {
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
  readonly file_node: string;
  readonly columns: readonly string[];
  readonly size: string;
  readonly pages: string;
  readonly heap: boolean;
  readonly leftOut: string | null;
}

/**
 * Asking for the size of a table waits while it, its TOAST table or that one's index is locked exclusively, which
 * REINDEX does to the last alone: there the catalogue's estimate does.
 */
const TABLES = `
  WITH locked AS MATERIALIZED (
    SELECT l.relation FROM pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())),
  found AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relfilenode, c.relpages, c.relkind,
           coalesce(a.amname = 'heap', false) AS heap,
           CASE WHEN c.relkind = 'f' THEN 'foreign'
                WHEN c.relpersistence = 'u' THEN 'unlogged'
                WHEN NOT c.relispopulated THEN 'not populated' END AS left_out,
           EXISTS (SELECT FROM locked
                    WHERE relation = c.oid OR relation = c.reltoastrelid
                       OR relation IN (SELECT indexrelid FROM pg_index
                                        WHERE c.reltoastrelid <> 0 AND indrelid = c.reltoastrelid)
                  ) AS is_locked
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_am a ON a.oid = c.relam
     WHERE c.relkind IN ('r', 'm', 'f') AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'),
  sized AS MATERIALIZED (
    SELECT f.*, current_setting('block_size')::bigint AS block,
           CASE WHEN f.left_out IS NOT NULL THEN 0
                WHEN f.is_locked THEN f.relpages * current_setting('block_size')::bigint
                ELSE coalesce(pg_relation_size(f.oid), 0) END AS own,
           CASE WHEN f.left_out IS NOT NULL THEN 0
                WHEN f.is_locked THEN f.relpages * current_setting('block_size')::bigint
                ELSE coalesce(pg_table_size(f.oid), 0) END AS size
      FROM found f)
  SELECT nspname AS schema, relname AS "table", oid::text AS oid, relfilenode::text AS file_node,
         ARRAY(SELECT t.attname::text FROM pg_attribute t
                WHERE t.attrelid = s.oid AND t.attnum > 0 AND NOT t.attisdropped
                  AND t.attgenerated <> 'v' ORDER BY t.attnum) AS columns,
         size::text AS size, (own / block)::text AS pages, heap, left_out AS "leftOut"
    FROM sized s ORDER BY s.size DESC, nspname, relname`;

export interface RowsRequest {
  readonly schema: string;
  readonly table: string;
  /** Undefined: the rows are counted and not hashed. */
  readonly columns: readonly string[] | undefined;
  /** Null: from the first page; up to the last. */
  readonly fromPage: number | null;
  readonly toPage: number | null;
}

export interface RowsSeen {
  readonly rows: bigint;
  /** Null: not hashed. */
  readonly hash: bigint | null;
  /** Of the table as it is now, whatever the snapshot sees; null: it has none. */
  readonly fileNode: string | null;
}

/** @throws Problem POSTGRES_QUERY_FAILED and its kin, with `facts.sqlState`. */
export async function countAndHash(session: Session, request: RowsRequest): Promise<RowsSeen> {
  const [row] = await session.query<{ rows: string; hash: string | null }>(rowsSql(request));
  // The statement before holds the table, so that it is what was read.
  const [file] = await session.query<{ node: string | null; changed: boolean }>(AS_IT_WAS_READ, [
    sqlNameOf(request),
  ]);
  if (request.columns !== undefined && file?.changed === true)
    throw new Problem(QUERY_FAILED, `Cannot hash ${sqlNameOf(request)}: its columns were changed`, {
      facts: { sqlState: UNDEFINED_COLUMN },
    });
  const hash = request.columns === undefined ? null : BigInt(row?.hash ?? 0);
  return { rows: BigInt(row?.rows ?? 0), hash, fileNode: file?.node ?? null };
}

/** Source: PostgreSQL docs, Appendix A: `undefined_column`. */
const UNDEFINED_COLUMN = '42703';

/**
 * A statement finds columns by the catalogue of this moment, whatever its snapshot: where one was dropped and
 * another took its name, it reads that one. `pg_attribute` is what the snapshot sees, the functions tell what is.
 */
const AS_IT_WAS_READ = `
  SELECT pg_relation_filenode(r.oid)::text AS node,
         EXISTS (SELECT FROM pg_attribute t
                  WHERE t.attrelid = r.oid AND t.attnum > 0 AND NOT t.attisdropped
                    AND right((pg_identify_object('pg_class'::regclass, r.oid, t.attnum)).identity,
                              length(quote_ident(t.attname)) + 1)
                        IS DISTINCT FROM '.' || quote_ident(t.attname)) AS changed
    FROM (SELECT to_regclass($1)::oid AS oid) r`;

/** Pure. */
export function rowsSql({ columns, fromPage, toPage, ...name }: RowsRequest): string {
  // Each column by its own name: one that is called like the alias is not taken for the row.
  const row = (columns ?? []).map((column) => `t.${quoteIdentifier(column)}`).join(', ');
  const hash =
    columns === undefined
      ? 'NULL'
      : `sum(hashtextextended(ROW(${row})::text COLLATE "C", 0))::text`;
  const pages = [
    ...(fromPage === null ? [] : [`t.ctid >= '(${fromPage},0)'::tid`]),
    ...(toPage === null ? [] : [`t.ctid < '(${toPage},0)'::tid`]),
  ];
  const where = pages.length === 0 ? '' : ` WHERE ${pages.join(' AND ')}`;
  return `SELECT count(*)::text AS rows, ${hash} AS hash FROM ONLY ${sqlNameOf(name)} t${where}`;
}

function sqlNameOf({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}
