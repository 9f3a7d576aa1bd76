/**
 * What the text of a table's rows hangs on beside the rows: labels of enums, attributes of composite types, names that
 * columns like `regclass` point at. PostgreSQL writes text by the catalogue of this moment, whatever the snapshot sees:
 * after `ALTER TYPE … RENAME VALUE` an old snapshot reads old rows and new labels. Where the state here is the same
 * before and after, nothing of it changed in between. Only reads.
 */
import type { Session } from './session.ts';

/** By the table's identifier; those whose text hangs on nothing else are not in it. */
export async function readTextStates(session: Session): Promise<ReadonlyMap<string, string>> {
  const rows = await session.query<{ readonly oid: string; readonly state: string }>(STATES);
  return new Map(rows.map(({ oid, state }) => [oid, state]));
}

/** Source: PostgreSQL docs, 8.19 (`regclass` and its kin), and `pg_type.dat` for `aclitem`, which names roles. */
const NAMING = `'{regclass,regcollation,regconfig,regdictionary,regnamespace,regoper,regoperator,regproc,
  regprocedure,regrole,regtype,aclitem}'::regtype[]`;
const LASTING = `n.nspname !~ '^pg_(toast|temp)'`;

/** Wherever a type stands inside another: in an array, a domain, a range, an attribute. */
const STATES = `
  WITH RECURSIVE columns AS MATERIALIZED (
    SELECT DISTINCT a.attrelid, a.atttypid
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
       AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND ${LASTING}),
  parts(type, part) AS (
    SELECT DISTINCT atttypid, atttypid FROM columns
    UNION
    SELECT p.type, x.part FROM parts p JOIN pg_type t ON t.oid = p.part
     CROSS JOIN LATERAL (
       SELECT t.typbasetype WHERE t.typtype = 'd'
       UNION ALL SELECT t.typelem WHERE t.typelem <> 0
       UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
       UNION ALL SELECT a.atttypid FROM pg_attribute a
                  WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) x(part)),
  named(name) AS (
    SELECT ROW('c', c.oid, n.nspname, c.relname)::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${LASTING}
    UNION ALL SELECT ROW('t', t.oid, n.nspname, t.typname)::text
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${LASTING}
    UNION ALL SELECT ROW('p', p.oid, n.nspname, p.proname)::text
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    UNION ALL SELECT ROW('o', o.oid, n.nspname, o.oprname)::text
      FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    UNION ALL SELECT ROW('l', l.oid, n.nspname, l.collname)::text
      FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
    UNION ALL SELECT ROW('g', g.oid, n.nspname, g.cfgname)::text
      FROM pg_ts_config g JOIN pg_namespace n ON n.oid = g.cfgnamespace
    UNION ALL SELECT ROW('d', d.oid, n.nspname, d.dictname)::text
      FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace
    UNION ALL SELECT ROW('n', n.oid, n.nspname)::text FROM pg_namespace n WHERE ${LASTING}
    UNION ALL SELECT ROW('r', r.oid, r.rolname)::text FROM pg_roles r),
  names AS MATERIALIZED (SELECT md5(string_agg(name, ',' ORDER BY name COLLATE "C")) AS state FROM named),
  used AS MATERIALIZED (SELECT DISTINCT part FROM parts),
  states AS MATERIALIZED (
    SELECT u.part, s.state FROM used u
     CROSS JOIN LATERAL (
       SELECT string_agg(ROW(e.oid, e.xmin, e.enumlabel)::text, ',' ORDER BY e.oid)
         FROM pg_enum e WHERE e.enumtypid = u.part
       UNION ALL SELECT string_agg(ROW(a.attnum, a.atttypid, a.atttypmod, a.attisdropped)::text, ',' ORDER BY a.attnum)
         FROM pg_attribute a
        WHERE a.attrelid = (SELECT t.typrelid FROM pg_type t WHERE t.oid = u.part) AND a.attnum > 0
       UNION ALL SELECT names.state FROM names WHERE u.part = ANY (${NAMING})) s(state)
     WHERE s.state IS NOT NULL)
  SELECT c.attrelid::text AS oid,
         md5(string_agg(s.state, ';' ORDER BY c.atttypid, s.part, s.state)) AS state
    FROM states s JOIN parts p ON p.part = s.part JOIN columns c ON c.atttypid = p.type GROUP BY c.attrelid`;
