/**
 * How values come out of PostgreSQL: moments keep their microseconds, whole numbers of 64 bits and
 * numerics stay text, and nothing becomes a `Date`. Pure; set for each session, never for the process.
 */
import type pg from 'pg';

/** Type identifiers. Source: PostgreSQL's `pg_type.dat`. */
const OID = {
  bool: 16,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  timestamptz: 1184,
  jsonb: 3802,
} as const;

/** Arrays that come as arrays of text, or of null: of `name`, `text`, `varchar`, `int8`, `oid`. */
const TEXT_ARRAYS = new Set([1003, 1009, 1015, 1016, 1028]);
const INT4_ARRAY = 1007;

type Parser = (text: string) => unknown;

const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [OID.bool, (text) => text === 't'],
  [OID.int2, Number],
  [OID.int4, Number],
  [OID.oid, Number],
  [OID.float4, Number],
  [OID.float8, Number],
  [OID.json, parseJson],
  [OID.jsonb, parseJson],
  [OID.timestamptz, readTimestamp],
  [INT4_ARRAY, (text) => readArray(text).map((item) => (item === null ? null : Number(item)))],
]);

export const rowTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number): Parser => {
    if (TEXT_ARRAYS.has(oid)) return readArray;
    return PARSERS.get(oid) ?? asText;
  },
};

const TIMESTAMP =
  /^(\d{4,6})-(\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::\d\d(?::\d\d)?)?)( BC)?$/;

/**
 * `2026-11-22 14:46:00.123456+00` as a moment. `infinity`, `-infinity` and years that no `Instant`
 * reaches stay the text they are, because there is no moment to make of them.
 */
export function readTimestamp(text: string): Temporal.Instant | string {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return text;
  const [, year = '', date = '', time = '', offset = '', era] = parts;
  // The year before 1 is 1 BC to PostgreSQL and 0 to ISO 8601.
  const isoYear = era === undefined ? Number(year) : 1 - Number(year);
  try {
    return Temporal.Instant.from(`${yearText(isoYear)}-${date}T${time}${offset}`);
  } catch {
    return text;
  }
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, '0');
  return `${year < 0 ? '-' : '+'}${String(Math.abs(year)).padStart(6, '0')}`;
}

/** One dimension of an array's text form: `{a,"b \"c\"",NULL}`. */
export function readArray(text: string): readonly (string | null)[] {
  const items: (string | null)[] = [];
  for (const match of text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)) {
    const [, quoted, bare] = match;
    if (quoted !== undefined) items.push(quoted.replaceAll(/\\(.)/gs, '$1'));
    else items.push(bare === 'NULL' ? null : (bare ?? ''));
  }
  return items;
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function asText(text: string): string {
  return text;
}
