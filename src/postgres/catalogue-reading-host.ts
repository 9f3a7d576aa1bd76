/**
 * What a database needs of the machine that it runs on: extensions' libraries and control files, and the
 * collations of its C library. Read as superuser of a copy; files are looked at where PostgreSQL would look.
 */
import type { Session } from './session.ts';

export interface NeededExtension {
  readonly name: string;
  readonly version: string;
  /** Its control file is here: it can be made and updated. */
  readonly isKnown: boolean;
  /** Libraries that are not here. */
  readonly lacking: readonly string[];
  /** Columns of its types, indexes with its methods: what cannot be read without its libraries. */
  readonly uses: number;
}

export interface HostNeeds {
  readonly extensions: readonly NeededExtension[];
  /** Libraries that functions without an extension need, and that are not here. */
  readonly lacking: readonly string[];
  /** `en_US.utf8 (2.31 there, 2.36 here)`: text indexes of it may be in another order. */
  readonly collations: readonly string[];
  /** `orders_total_idx`: queries do not use it. */
  readonly invalidIndexes: readonly string[];
}

export async function readHostNeeds(session: Session): Promise<HostNeeds> {
  const libraries = await session.query<LibraryRow>(LIBRARIES);
  const extensions = await session.query<ExtensionRow>(EXTENSIONS);
  const collations = await session.query<{ name: string; stored: string; actual: string }>(
    COLLATIONS,
  );
  const indexes = await session.query<{ name: string }>(INVALID_INDEXES);
  function lackingOf(extension: string | null): readonly string[] {
    return libraries.flatMap((row) => (row.extension === extension ? [row.library] : []));
  }
  return {
    extensions: extensions.map(({ name, version, known, uses }) => ({
      name,
      version,
      isKnown: known,
      lacking: lackingOf(name),
      uses: Number(uses),
    })),
    lacking: lackingOf(null),
    collations: collations.map((row) => `${row.name} (${row.stored} there, ${row.actual} here)`),
    invalidIndexes: indexes.map(({ name }) => name),
  };
}

/** Names of `shared_preload_libraries`; undefined: our role may not see them. */
export async function readPreloads(session: Session): Promise<readonly string[] | undefined> {
  const [row] = await session.query<{ setting: string | null }>(
    `SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'`,
  );
  if (row === undefined) return undefined;
  const names = (row.setting ?? '').split(',').map((name) => name.trim().replaceAll('"', ''));
  return names.filter((name) => name !== '');
}

/** Of those libraries the ones that are not on the machine of this session. */
export async function lackingLibraries(
  session: Session,
  names: readonly string[],
): Promise<readonly string[]> {
  const rows = await session.query<{ library: string }>(
    `SELECT p.library FROM (SELECT setting AS libdir FROM pg_config WHERE name = 'PKGLIBDIR') k
      CROSS JOIN unnest($1::text[]) AS p(library) ${FILE} WHERE ${LACKING}`,
    [names],
  );
  return rows.map(({ library }) => library);
}

interface LibraryRow {
  readonly library: string;
  readonly extension: string | null;
}

interface ExtensionRow {
  readonly name: string;
  readonly version: string;
  readonly known: boolean;
  readonly uses: string;
}

// dfmgr.c, expand_dynamic_library_name(): $libdir, and the name with and without the system's suffix.
const FILE = `CROSS JOIN LATERAL (
    SELECT CASE WHEN p.library LIKE '$libdir%' THEN k.libdir || substr(p.library, 8)
                WHEN p.library LIKE '%/%' THEN p.library
                ELSE k.libdir || '/' || p.library END AS path) f`;
const LACKING = `NOT EXISTS (SELECT FROM unnest(ARRAY['', '.so', '.dylib']) s(suffix)
    WHERE (pg_stat_file(f.path || s.suffix, true)).size IS NOT NULL)`;

/** What `initdb` made itself is left out: it comes with the server. */
const LIBRARIES = `
  SELECT DISTINCT p.library, e.extname AS extension
    FROM (SELECT setting AS libdir FROM pg_config WHERE name = 'PKGLIBDIR') k
   CROSS JOIN (SELECT oid, probin AS library FROM pg_proc WHERE oid >= 12000 AND probin IS NOT NULL
                  AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')) p
    LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         AND d.refclassid = 'pg_extension'::regclass
    LEFT JOIN pg_extension e ON e.oid = d.refobjid ${FILE}
   WHERE ${LACKING} ORDER BY 1, 2`;

/** Types that are made of an extension's: arrays, domains, ranges, and what has an attribute of it. */
const EXTENSIONS = `
  WITH RECURSIVE made(extension, type) AS (
    SELECT d.refobjid, d.objid FROM pg_depend d
     WHERE d.classid = 'pg_type'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
    UNION
    SELECT m.extension, t.oid FROM made m JOIN pg_type t
        ON m.type IN (t.typelem, t.typbasetype)
        OR EXISTS (SELECT FROM pg_range r WHERE r.rngsubtype = m.type AND t.oid IN (r.rngtypid, r.rngmultitypid))
        OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.atttypid = m.type
                      AND a.attnum > 0 AND NOT a.attisdropped))
  SELECT e.extname AS name, e.extversion AS version,
         EXISTS (SELECT FROM pg_available_extensions v WHERE v.name = e.extname) AS known,
         ((SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm')
              AND a.atttypid IN (SELECT m.type FROM made m WHERE m.extension = e.oid))
        + (SELECT count(*) FROM pg_index i
            WHERE EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_opclass'::regclass
                   AND d.deptype = 'e' AND d.refobjid = e.oid AND d.objid = ANY (i.indclass))))::text AS uses
    FROM pg_extension e ORDER BY e.extname`;

const COLLATIONS = `
  SELECT 'default ' || d.datcollate AS name, d.datcollversion AS stored,
         pg_database_collation_actual_version(d.oid) AS actual
    FROM pg_database d WHERE d.datname = current_database()
     AND d.datcollversion <> pg_database_collation_actual_version(d.oid)
  UNION ALL
  SELECT l.collname, l.collversion, pg_collation_actual_version(l.oid)
    FROM pg_collation l
   WHERE l.collversion <> pg_collation_actual_version(l.oid)
     AND EXISTS (SELECT FROM pg_index i WHERE l.oid = ANY (i.indcollation))
   ORDER BY 1`;

const INVALID_INDEXES = `
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT (i.indisvalid AND i.indisready) ORDER BY 1`;
