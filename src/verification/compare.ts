/**
 * Row counts of production and of the restored copy, compared. Mode `bounded`: production never stands
 * still, so its tables are counted before and after the position the copy is replayed to, and the copy's
 * count must lie between the two, widened by the rows that were inserted and deleted meanwhile. Pure.
 */
import { z } from 'zod';

import { WhyMissed } from '../engines/proof-point.ts';
import { isOtherDatabase } from './beyond-tables.ts';
import type { NotCounted } from './count-tables.ts';

/** Said with every bounded result, so that nobody takes it for more than it is. */
export const BOUNDED_SHOWS =
  'Bounded: each table was counted in production just before and just after the log position that the copy was replayed to, and the count in the copy must lie between the two (widened by rows inserted and deleted meanwhile). It shows that no compared table is missing or has lost more rows than that. It does not show that contents are equal, nor would it see rows that were lost while others took their place; a table nobody wrote to is compared exactly by count.';

/** Why a table could not be counted. */
export interface MissedCount {
  readonly reason: string;
  readonly why: WhyMissed;
}

/** One table of production. Null: it could not be counted at that time. */
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
  /** Why it has no bounds; undefined: it has. */
  readonly missed: MissedCount | undefined;
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
  /** Why it could not be read, in bounded mode in production too; absent: it was, or nobody came to it. */
  why: WhyMissed.optional(),
});
export type ComparedTable = z.infer<typeof ComparedTable>;

/** Rows in the copy; null: the table is not there. */
export type RestoredRows = number | null | NotCounted;

/** `restored`: undefined: not looked at. */
export function compareTable(
  name: string,
  source: SourceTable,
  restored: RestoredRows | undefined,
): ComparedTable {
  const bounds = boundsOf(source);
  const table = {
    table: name,
    sourceRows: source.before,
    sourceRowsMin: bounds?.min ?? null,
    sourceRowsMax: bounds?.max ?? null,
    restoredRows: typeof restored === 'number' ? restored : null,
    sourceHash: null,
    restoredHash: null,
    pages: null,
    reason: null,
  };
  return { ...table, ...judge(source, bounds, restored) };
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

function judge(
  source: SourceTable,
  bounds: Bounds | undefined,
  restored: RestoredRows | undefined,
): Pick<ComparedTable, 'equal' | 'outcome'> & Partial<Pick<ComparedTable, 'reason' | 'why'>> {
  if (bounds === undefined || restored === undefined)
    return { equal: null, outcome: 'not compared', ...source.missed };
  if (restored === null) return { equal: false, outcome: 'different' };
  if (typeof restored !== 'number') {
    const { reason } = restored;
    if (restored.outcome === 'damaged') return { equal: false, outcome: 'different', reason };
    return { equal: null, outcome: 'not compared', reason, why: restored.why };
  }
  if (restored < bounds.min || restored > bounds.max) return { equal: false, outcome: 'different' };
  return bounds.min === bounds.max
    ? { equal: true, outcome: 'equal' }
    : { equal: null, outcome: 'in bounds' };
}

/** Undefined: it was not counted twice, so that nothing can be said. */
function boundsOf(source: SourceTable): Bounds | undefined {
  const { before, after, insertedMeanwhile, deletedMeanwhile } = source;
  if (before === null || after === null) return undefined;
  return {
    min: Math.max(0, Math.min(before, after, before - deletedMeanwhile)),
    max: Math.max(before, after, before + insertedMeanwhile),
  };
}

/** What comes and goes: tomorrow it is likely to be read. Whatever else keeps a table from being read stays. */
const PASSING: ReadonlySet<WhyMissed> = new Set(['locked', 'out of time', 'changed']);

/** All tables in one sentence and one verdict. `leftOut`: what else is there and not compared. */
export function judgeTables(
  tables: readonly ComparedTable[],
  leftOut: readonly string[],
): Judged<'PASS' | 'FAIL' | 'ERROR' | 'SKIPPED'> {
  const different = tables.filter(({ outcome }) => outcome === 'different');
  if (different.length > 0)
    return { verdict: 'FAIL', detail: different.map(sayDifference).join('; ') };
  const compared = tables.filter(({ outcome }) => outcome !== 'not compared');
  const others = tables.filter(({ outcome }) => outcome === 'not compared');
  if (compared.length === 0) return judgeNothing(others.map(sayWhy), leftOut);
  const inDoubt = others.filter(({ why }) => why === undefined || !PASSING.has(why));
  if (inDoubt.length > 0)
    return { verdict: 'ERROR', detail: `could not be told of ${sayFirst(inDoubt.map(sayWhy))}` };
  const rows = compared.reduce((sum, { restoredRows }) => sum + (restoredRows ?? 0), 0);
  const equal = compared.filter(({ outcome }) => outcome === 'equal').length;
  const moving = compared.length - equal;
  const parts = [
    `${count(rows)} rows in ${sayTables(compared.length)}`,
    ...(equal === 0 ? [] : [`${equal} equal by count`]),
    ...(moving === 0 ? [] : [`${moving} within what production had before and after`]),
  ];
  const unseen = sayUnseen([...others.map(sayWhy), ...leftOut]);
  return { verdict: 'PASS', detail: `${parts.join(', ')}${unseen}` };
}

interface Judged<Verdict> {
  readonly verdict: Verdict;
  readonly detail: string;
}

/**
 * Where no table was compared, nothing was proved, unless there is none: neither one that was missed, nor any in
 * a database that nobody named.
 */
export function judgeNothing(
  missed: readonly string[],
  leftOut: readonly string[],
): Judged<'ERROR' | 'SKIPPED'> {
  if (missed.length > 0)
    return { verdict: 'ERROR', detail: `no table could be compared: ${sayFirst(missed)}` };
  const elsewhere = leftOut.filter(isOtherDatabase);
  if (elsewhere.length > 0) {
    const words = `no table was compared: there is none where it was looked for, and \`databases\` does not name ${sayFirst(elsewhere)}`;
    return { verdict: 'ERROR', detail: words };
  }
  const detail = `production has no table that could be compared${sayUnseen(leftOut)}`;
  return { verdict: 'SKIPPED', detail };
}

function sayUnseen(clauses: readonly string[]): string {
  return clauses.length === 0 ? '' : `; not compared: ${sayFirst(clauses)}`;
}

const TOLD_MAX = 5;

export function sayFirst(words: readonly string[]): string {
  const more = words.length > TOLD_MAX ? ` and ${words.length - TOLD_MAX} more` : '';
  return `${words.slice(0, TOLD_MAX).join(', ')}${more}`;
}

export function sayWhy({ table, reason }: Pick<ComparedTable, 'table' | 'reason'>): string {
  return `${table}: ${reason ?? 'not looked at'}`;
}

function sayDifference(table: ComparedTable): string {
  const { sourceRowsMin: min, sourceRowsMax: max, restoredRows } = table;
  const expected = min === max ? count(min ?? 0) : `${count(min ?? 0)} to ${count(max ?? 0)}`;
  if (restoredRows === null) {
    const what = table.reason === null ? ' is missing' : `: ${table.reason}`;
    return `${table.table}${what}, production has ${expected} rows`;
  }
  return `${table.table} has ${count(restoredRows)} rows, production has ${expected}`;
}

function sayTables(number: number): string {
  return number === 1 ? '1 table' : `${number} tables`;
}

function count(rows: number): string {
  return rows.toLocaleString('en-US');
}
