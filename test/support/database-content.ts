/**
 * What a database holds, as plain rows that can be compared: each table with a digest of its rows,
 * where it lies, what was defined. Works where there is no `pg_dump`.
 */
type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;

const TABLES = `
  SELECT c.oid::regclass::text AS name, coalesce(t.spcname, 'default') AS tablespace,
         c.relpersistence::text AS persistence
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
   WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%'
     AND n.nspname <> 'information_schema'
   ORDER BY 1`;

const DEFINITIONS = `
  SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index
   WHERE indrelid >= 16384 ORDER BY 1`;

export async function databaseContent(query: Query): Promise<readonly unknown[]> {
  const tables = await query(TABLES);
  const content: unknown[] = [await query(DEFINITIONS)];
  for (const table of tables) {
    const [digest] = await query(
      `SELECT count(*)::text AS rows, md5(string_agg(t::text, E'\\n' ORDER BY t::text)) AS digest
         FROM ${String(table['name'])} t`,
    );
    content.push({ ...table, ...digest });
  }
  return content;
}
