/**
 * Reads what pg_amcheck says: which objects it calls damaged, and why. Damage is told from what this machine
 * lacks: a library that is not installed, or a C library that orders text otherwise. Pure.
 */

export interface DamagedObject {
  /** `btree index`, `heap table`. */
  readonly kind: string;
  /** `shop.public.orders_pkey`. */
  readonly name: string;
  readonly words: string;
}

export interface StructureReport {
  readonly damaged: readonly DamagedObject[];
  /** Could not be looked at here. */
  readonly unread: readonly DamagedObject[];
  /** Undefined: it did not say. */
  readonly pages: number | undefined;
}

// pg_amcheck.c: `heap table "…", block 1, offset 2, attribute 3:`, `btree index "…":`, then what is wrong, indented.
const OBJECT = /^(heap table|btree index|relation) "(.+)"(?:, (.+))?:$/;
/** pg_amcheck.c, progress_report(). */
const PAGES = /(\d+)\/(\d+) pages/g;
/** dfmgr.c and extensions that want to be preloaded. */
export const LACKING =
  /could not (?:access file|load library|find function)|must be (?:pre)?loaded/;

export function readStructureReport(stdout: string, stderr: string): StructureReport {
  const damaged: DamagedObject[] = [];
  const unread: DamagedObject[] = [];
  let object: Omit<DamagedObject, 'words'> | undefined;
  for (const line of stdout.split('\n')) {
    const begun = OBJECT.exec(line);
    if (begun !== null) {
      const [, kind = '', name = '', place] = begun;
      object = { kind, name: place === undefined ? name : `${name}, ${place}` };
      continue;
    }
    if (object === undefined || line.trim() === '') continue;
    const found = { ...object, words: line.trim().replace(/^ERROR: +/, '') };
    (LACKING.test(line) ? unread : damaged).push(found);
    object = undefined;
  }
  const last = [...stderr.matchAll(PAGES)].at(-1)?.[2];
  return { damaged, unread, pages: last === undefined ? undefined : Number(last) };
}

/** `23.6 M`, `1,625`. */
export function sayPages(pages: number): string {
  return pages < 1_000_000 ? pages.toLocaleString('en-US') : `${(pages / 1e6).toFixed(1)} M`;
}
