/**
 * Row counts of production and of the restored copy, compared. Mode `bounded`: production never stands
 * still, so its tables are counted before and after the position the copy is replayed to, and the copy's
 * count must lie between the two, widened by the rows that were inserted and deleted meanwhile. Pure.
 */
import { z } from 'zod';

import { WhyMissed } from '../engines/proof-point.ts';

/** Said with every bounded result, so that nobody takes it for more than it is. */
export const BOUNDED_SHOWS =
  'Bounded: each table was counted in production just before and just after the log position that the copy was replayed to, and the count in the copy must lie between the two (widened by rows inserted and deleted meanwhile). It shows that no compared table is missing or has lost more rows than that. It does not show that contents are equal, nor would it see rows that were lost while others took their place; a table nobody wrote to is compared exactly by count.';

/** One table of production. Null: it could not be counted at that time, because it was not there. */
export interface SourceTable {
  readonly database: string;
  /** `orders`, or with its schema where that is not `public`. */
  readonly table: string;
  /** Quoted, with its schema. */
  readonly sqlName: string;
  readonly before: number | null;
  readonly after: number | null;
  /** By PostgreSQL's statistics, which may lag by a second. */
  readonly insertedMeanwhile: number;
  readonly deletedMeanwhile: number;
}

export const ComparedTable = z.strictObject({
  table: z.string(),
  /** Counted in production before the position. */
  sourceRows: z.number().nullable(),
  /** What the copy may have. */
  sourceRowsMin: z.number().nullable(),
  sourceRowsMax: z.number().nullable(),
  restoredRows: z.number().nullable(),
  /** Sums of the rows' hashes; null: not hashed. Content is compared in mode `exact` only. */
  sourceHash: z.string().nullable(),
  restoredHash: z.string().nullable(),
  /** Which of them were hashed, `[fromPage, toPage)`; null: all. */
  pages: z.strictObject({ fromPage: z.number(), toPage: z.number() }).nullable(),
  /** True: counts and hashes are equal. Null: in bounds, or not compared. */
  equal: z.boolean().nullable(),
  outcome: z.enum(['equal', 'in bounds', 'different', 'not compared']),
  /** Why it is different or was not compared; null: nothing to say. */
  reason: z.string().nullable(),
  /** Why the copy's could not be read; absent: it was, or nobody came to it. */
  why: WhyMissed.optional(),
});
export type ComparedTable = z.infer<typeof ComparedTable>;

/** `restored`: rows in the copy; null: the table is not there; undefined: not looked at. */
export function compareTable(
  name: string,
  source: SourceTable,
  restored: number | null | undefined,
): ComparedTable {
  const bounds = boundsOf(source);
  const table = {
    table: name,
    sourceRows: source.before,
    sourceRowsMin: bounds?.min ?? null,
    sourceRowsMax: bounds?.max ?? null,
    restoredRows: restored ?? null,
    sourceHash: null,
    restoredHash: null,
    pages: null,
    reason: null,
  };
  if (bounds === undefined || restored === undefined)
    return { ...table, equal: null, outcome: 'not compared' };
  const isWithin = restored !== null && restored >= bounds.min && restored <= bounds.max;
  if (!isWithin) return { ...table, equal: false, outcome: 'different' };
  return bounds.min === bounds.max
    ? { ...table, equal: true, outcome: 'equal' }
    : { ...table, equal: null, outcome: 'in bounds' };
}

/** Undefined: the table came or went meanwhile, so that nothing can be said. */
function boundsOf(source: SourceTable): { readonly min: number; readonly max: number } | undefined {
  const { before, after, insertedMeanwhile, deletedMeanwhile } = source;
  if (before === null || after === null) return undefined;
  return {
    min: Math.max(0, Math.min(before, after, before - deletedMeanwhile)),
    max: Math.max(before, after, before + insertedMeanwhile),
  };
}

/** All tables in one sentence and one verdict. */
export function judgeTables(tables: readonly ComparedTable[]): {
  readonly verdict: 'PASS' | 'FAIL' | 'SKIPPED';
  readonly detail: string;
} {
  const different = tables.filter(({ outcome }) => outcome === 'different');
  if (different.length > 0)
    return { verdict: 'FAIL', detail: different.map(sayDifference).join('; ') };
  const compared = tables.filter(({ outcome }) => outcome !== 'not compared');
  const rows = compared.reduce((sum, { restoredRows }) => sum + (restoredRows ?? 0), 0);
  if (compared.length === 0)
    return { verdict: 'SKIPPED', detail: 'production has no table that could be compared' };
  const equal = compared.filter(({ outcome }) => outcome === 'equal').length;
  const moving = compared.length - equal;
  const parts = [
    `${count(rows)} rows in ${sayTables(compared.length)}`,
    ...(equal === 0 ? [] : [`${equal} equal by count`]),
    ...(moving === 0 ? [] : [`${moving} within what production had before and after`]),
  ];
  return { verdict: 'PASS', detail: parts.join(', ') };
}

function sayDifference(table: ComparedTable): string {
  const { sourceRowsMin: min, sourceRowsMax: max, restoredRows } = table;
  const expected = min === max ? count(min ?? 0) : `${count(min ?? 0)} to ${count(max ?? 0)}`;
  if (restoredRows === null) return `${table.table} is missing, production has ${expected} rows`;
  return `${table.table} has ${count(restoredRows)} rows, production has ${expected}`;
}

function sayTables(number: number): string {
  return number === 1 ? '1 table' : `${number} tables`;
}

function count(rows: number): string {
  return rows.toLocaleString('en-US');
}
