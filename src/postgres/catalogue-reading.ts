/**
 * Reads a database's catalogue inside a transaction that somebody holds, so that it is the catalogue of
 * that snapshot. Streams: of each object a digest is kept, so that ten thousand tables fit in memory.
 */
import { Problem } from '../kernel/problem.ts';
import { CLUSTER_OBJECTS, DATABASE_OBJECTS } from './catalogue-sql.ts';
import { QUERY_FAILED } from './problems.ts';
import type { Session } from './session.ts';

export interface CatalogueObject {
  /** `table`, `column`, `index`, `role`; with `name` unique. */
  readonly kind: string;
  /** `orders`, `orders.total`; with its schema where that is not `public`. */
  readonly name: string;
  /** The table it belongs to; empty: it stands alone. */
  readonly parent: string;
  /** Equal where everything that defines the object is. */
  readonly digest: string;
  /** `integer not null`; may be empty. For people: `digest` decides. */
  readonly says: string;
}

export interface Catalogue {
  readonly size: number;
  find(kind: string, name: string): CatalogueObject | undefined;
  objects(): Iterable<CatalogueObject>;
}

export type CatalogueScope = 'database' | 'cluster';

/**
 * Catalogues are kept for years. A digest is equal only to one that was made in the same way: whoever changes
 * what goes into one, in `catalogue-sql.ts` or in the settings below, counts this up.
 */
export const READING = 1;

const ROWS_AT_ONCE = 2000;

/**
 * What decides how values and names become text, the same for every role and server. A path that leads to no
 * schema of people's makes all their names whole.
 */
const SAME_WORDS: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog',
  quote_all_identifiers: 'off',
  bytea_output: 'hex',
  lc_monetary: 'C',
  array_nulls: 'on',
  xmloption: 'content',
};

/** Must be called inside a transaction; its settings are as before afterwards. @throws Problem POSTGRES_* */
export async function readCatalogue(session: Session, scope: CatalogueScope): Promise<Catalogue> {
  const objects = new CompactCatalogue();
  const sql = scope === 'database' ? DATABASE_OBJECTS : CLUSTER_OBJECTS;
  const names = Object.keys(SAME_WORDS);
  const before = await session.query<{ value: string }>(
    'SELECT current_setting(name) AS value FROM unnest($1::text[]) AS name',
    [names],
  );
  await setLocally(session, names, Object.values(SAME_WORDS));
  await session.query(`DECLARE dbdr_catalogue NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await session.query<CatalogueObject>(`FETCH ${ROWS_AT_ONCE} FROM dbdr_catalogue`);
    for (const row of rows) objects.add(row);
    if (rows.length < ROWS_AT_ONCE) break;
  }
  await session.query('CLOSE dbdr_catalogue');
  const [now] = await session.query<{ readonly changed: boolean }>(NAMES_CHANGED);
  if (now?.changed === true)
    throw new Problem(
      QUERY_FAILED,
      'Cannot read the catalogue: roles or types were renamed meanwhile',
    );
  const values = before.map(({ value }) => value);
  await setLocally(session, names, values);
  return objects;
}

/**
 * Rights are written with the names of roles, and functions with those of types, as they are at this moment and not
 * as the snapshot sees them. One that was dropped is named nowhere.
 */
const NAMES_CHANGED = `
  WITH arguments AS (
    SELECT DISTINCT unnest(p.proargtypes) AS type FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname !~ '^pg_')
  SELECT EXISTS (SELECT FROM pg_roles r
                  WHERE pg_get_userbyid(r.oid) NOT IN (r.rolname, 'unknown (OID=' || r.oid || ')'))
      OR EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                  WHERE n.nspname !~ '^pg_' AND t.typcategory <> 'A'
                    AND EXISTS (SELECT FROM arguments a WHERE a.type IN (t.oid, t.typarray))
                    AND format_type(t.oid, NULL)
                        NOT IN (quote_ident(n.nspname) || '.' || quote_ident(t.typname), '???')) AS changed`;

async function setLocally(
  session: Session,
  names: readonly string[],
  values: readonly string[],
): Promise<void> {
  await session.query(
    'SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS s(name, value)',
    [names, values],
  );
}

/** For tests and for catalogues that were read elsewhere. */
export function catalogueOf(objects: Iterable<CatalogueObject>): Catalogue {
  const catalogue = new CompactCatalogue();
  for (const object of objects) catalogue.add(object);
  return catalogue;
}

/** Two strings for each object instead of an object of five. */
class CompactCatalogue implements Catalogue {
  readonly #rows = new Map<string, string>();

  get size(): number {
    return this.#rows.size;
  }

  /** Two under one name would hide one of them from every comparison. */
  add({ kind, name, parent, digest, says }: CatalogueObject): void {
    const key = `${kind}\0${name}`;
    if (this.#rows.has(key)) throw new Error(`Two objects have one name: ${kind} ${name}`);
    this.#rows.set(key, `${digest}\0${parent}\0${says}`);
  }

  find(kind: string, name: string): CatalogueObject | undefined {
    const key = `${kind}\0${name}`;
    const row = this.#rows.get(key);
    return row === undefined ? undefined : unpack(key, row);
  }

  *objects(): Iterable<CatalogueObject> {
    for (const [key, row] of this.#rows) yield unpack(key, row);
  }
}

function unpack(key: string, row: string): CatalogueObject {
  const [kind = '', name = ''] = key.split('\0');
  const [digest = '', parent = '', says = ''] = row.split('\0');
  return { kind, name, parent, digest, says };
}
