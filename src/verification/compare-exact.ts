/**
 * Contents of production and of the copy that stands at the same log position, compared: every count and
 * every hash must be equal, there is no tolerance. What could not be looked at is never called equal. Pure.
 */
import type { DatabaseContent, TableContent, WhyMissed } from '../engines/proof-point.ts';
import { type ComparedTable, judgeNothing, sayFirst, sayWhy } from './compare.ts';
import type { CountedTable } from './count-tables.ts';

/** `missing`: the copy has no such table. */
export type RestoredTable = CountedTable | { readonly outcome: 'missing' };

/**
 * At one position a table's file is the same on both sides, whether rows or pages are compared: another one is
 * a copy that stands elsewhere, or a stale row of its catalogue. Undefined: it is the same.
 */
export function standsElsewhere(source: TableContent, fileNode: string): RestoredTable | undefined {
  if (source.fileNode === fileNode) return undefined;
  const reason = `it lies in file ${fileNode} in the copy and in ${source.fileNode} in production, as at another log position`;
  return { outcome: 'left out', reason, why: 'changed' };
}

export function compareContent(
  name: string,
  source: TableContent,
  restored: RestoredTable | undefined,
): ComparedTable {
  const seen = restored?.outcome === 'counted' ? restored : undefined;
  return {
    table: name,
    sourceRows: source.rows,
    sourceRowsMin: source.rows,
    sourceRowsMax: source.rows,
    restoredRows: seen?.rows ?? null,
    sourceHash: source.hash,
    restoredHash: seen?.hash ?? null,
    pages: source.pages,
    ...(seen === undefined ? judgeUncounted(restored) : judge(source, seen)),
  };
}

type Judged = Pick<ComparedTable, 'equal' | 'outcome' | 'reason' | 'why'>;

function judgeUncounted(restored: RestoredTable | undefined): Judged {
  if (restored?.outcome === 'missing')
    return { equal: false, outcome: 'different', reason: 'it is missing in the copy' };
  if (restored?.outcome === 'damaged')
    return { equal: false, outcome: 'different', reason: restored.reason };
  if (restored?.outcome === 'left out')
    return { equal: null, outcome: 'not compared', reason: restored.reason, why: restored.why };
  return { equal: null, outcome: 'not compared', reason: 'the copy did not get to its position' };
}

function judge(
  source: TableContent,
  restored: { readonly rows: number; readonly hash: string | null },
): Judged {
  if (restored.rows !== source.rows)
    return { equal: false, outcome: 'different', reason: 'the counts differ' };
  if (source.hash === null) return { equal: true, outcome: 'equal', reason: null };
  if (restored.hash === null)
    return {
      equal: null,
      outcome: 'not compared',
      reason: 'it was hashed in production and not in the copy',
    };
  if (restored.hash === source.hash) return { equal: true, outcome: 'equal', reason: null };
  return { equal: false, outcome: 'different', reason: 'the contents differ' };
}

/** What comes and goes: tomorrow it is likely to be read. Whatever else keeps a table from being read stays. */
const PASSING: ReadonlySet<WhyMissed> = new Set(['locked', 'out of time']);

/** All tables in one sentence and one verdict; `contents`: what production's side did not get to. */
export function judgeContents(
  tables: readonly ComparedTable[],
  contents: readonly Pick<DatabaseContent, 'database' | 'leftOut' | 'missed'>[],
): { readonly verdict: 'PASS' | 'FAIL' | 'ERROR' | 'SKIPPED'; readonly detail: string } {
  const different = tables.filter(({ outcome }) => outcome === 'different');
  if (different.length > 0)
    return { verdict: 'FAIL', detail: different.slice(0, TOLD_MAX).map(sayDifference).join('; ') };
  const equal = tables.filter(({ outcome }) => outcome === 'equal');
  const others = tables.filter(({ outcome }) => outcome !== 'equal');
  const missed = contents.flatMap((one) =>
    one.missed.map(({ table, ...rest }) => ({
      ...rest,
      table: contents.length === 1 ? table : `${one.database}.${table}`,
    })),
  );
  const inDoubt = [
    ...others.filter(({ why }) => why === undefined || !PASSING.has(why)),
    // What was dropped or rewritten in production meanwhile has nothing that could be compared.
    ...missed.filter(({ why }) => why !== 'changed' && !PASSING.has(why)),
  ];
  const leftOut = contents.flatMap((one) => one.leftOut);
  if (equal.length === 0) return judgeNothing([...others, ...missed].map(sayWhy), leftOut);
  if (inDoubt.length > 0)
    return { verdict: 'ERROR', detail: `could not be told of ${sayFirst(inDoubt.map(sayWhy))}` };
  const unseen = [...others.map(sayWhy), ...leftOut];
  const notCompared = unseen.length === 0 ? '' : `; not compared: ${sayFirst(unseen)}`;
  const rows = equal.reduce((sum, { restoredRows }) => sum + (restoredRows ?? 0), 0);
  return { verdict: 'PASS', detail: `${count(rows)} rows in ${sayEqual(equal)}${notCompared}` };
}

const TOLD_MAX = 5;

function sayEqual(equal: readonly ComparedTable[]): string {
  const hashed = equal.filter(({ restoredHash }) => restoredHash !== null);
  const whole = hashed.filter(({ pages }) => pages === null).length;
  const part = hashed.length - whole;
  const parts = [
    ...(whole === 0 ? [] : [`the contents of ${whole}`]),
    ...(part === 0 ? [] : [`a seventh of the contents of ${part}`]),
  ];
  const contents = parts.length === 0 ? ', by count alone' : `, and ${parts.join(' and ')} by hash`;
  return `${sayTables(equal.length)} equal${contents}`;
}

function sayTables(number: number): string {
  return number === 1 ? '1 table' : `${number} tables`;
}

function sayDifference({ table, sourceRows, restoredRows, reason }: ComparedTable): string {
  if (restoredRows === null) return `${table}: ${reason}, production has ${count(sourceRows)} rows`;
  if (restoredRows !== sourceRows)
    return `${table} has ${count(restoredRows)} rows, production has ${count(sourceRows)}`;
  return `${table} has ${count(restoredRows)} rows as production has, and other contents`;
}

function count(rows: number | null): string {
  return (rows ?? 0).toLocaleString('en-US');
}

/** Said with every exact result. `ofProofPoint`: taken with the backup; else production was asked just now. */
export function exactShows(contents: readonly DatabaseContent[], ofProofPoint: boolean): string {
  const [first] = contents;
  const tables = contents.flatMap((one) => one.tables);
  const counted = tables.filter(({ hash }) => hash === null).length;
  const isHashed = counted < tables.length;
  const when = ofProofPoint
    ? `as production stood at ${first?.at ?? ''}, when the backup was taken`
    : 'in production';
  const what = isHashed ? 'rows were counted and contents hashed' : 'rows were counted';
  const all = isHashed ? 'every count and every hash' : 'every count';
  const leftOut = contents.flatMap((one) => one.leftOut);
  const notCompared = leftOut.length === 0 ? [] : [`Not compared: ${sayFirst(leftOut)}.`];
  if (tables.length === 0)
    return [`No table was compared: none was read ${when}.`, ...notCompared].join(' ');
  return [
    `Exact: ${what} ${when}, in one snapshot of each database whose position in the log is known; the copy was replayed to exactly that position, and ${all} had to be equal.`,
    ...(isHashed ? [] : ['Counts only: it does not show that contents are equal.']),
    ...(isHashed && counted > 0 ? [`Of ${sayTables(counted)} only the rows were counted.`] : []),
    ...(tables.some(({ pages }) => pages !== null)
      ? ['Of large tables a seventh was hashed; each proof of another day takes another.']
      : []),
    ...notCompared,
  ].join(' ');
}
