/**
 * Contents of production and of the copy that stands at the same log position, compared: every count and
 * every hash must be equal, there is no tolerance. What could not be looked at is never called equal. Pure.
 */
import type { DatabaseContent, TableContent } from '../engines/proof-point.ts';
import type { ComparedTable } from './compare.ts';
import type { CountedTable } from './count-tables.ts';

/** `missing`: the copy has no such table. */
export type RestoredTable = CountedTable | { readonly outcome: 'missing' };

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

type Judged = Pick<ComparedTable, 'equal' | 'outcome' | 'reason'>;

function judgeUncounted(restored: RestoredTable | undefined): Judged {
  if (restored?.outcome === 'missing')
    return { equal: false, outcome: 'different', reason: 'it is missing in the copy' };
  if (restored?.outcome === 'damaged')
    return { equal: false, outcome: 'different', reason: restored.reason };
  const reason =
    restored?.outcome === 'left out' ? restored.reason : 'the copy did not get to its position';
  return { equal: null, outcome: 'not compared', reason };
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
      equal: true,
      outcome: 'equal',
      reason: 'rewritten since: only its count was compared',
    };
  if (restored.hash === source.hash) return { equal: true, outcome: 'equal', reason: null };
  return { equal: false, outcome: 'different', reason: 'the contents differ' };
}

/** All tables in one sentence and one verdict; `leftOut`: what production's side did not get to. */
export function judgeContents(
  tables: readonly ComparedTable[],
  leftOut: readonly string[],
): { readonly verdict: 'PASS' | 'FAIL' | 'ERROR' | 'SKIPPED'; readonly detail: string } {
  const different = tables.filter(({ outcome }) => outcome === 'different');
  if (different.length > 0)
    return { verdict: 'FAIL', detail: different.slice(0, TOLD_MAX).map(sayDifference).join('; ') };
  const equal = tables.filter(({ outcome }) => outcome === 'equal');
  const others = tables.filter(({ outcome }) => outcome !== 'equal');
  const missed = [...others.map(({ table, reason }) => `${table}: ${reason}`), ...leftOut];
  const notCompared = missed.length === 0 ? '' : `; not compared: ${sayFirst(missed)}`;
  if (equal.length === 0 && others.length > 0)
    return { verdict: 'ERROR', detail: `no table could be compared${notCompared}` };
  if (equal.length === 0)
    return {
      verdict: 'SKIPPED',
      detail: `production has no table that could be compared${notCompared}`,
    };
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
  return `${equal.length === 1 ? '1 table' : `${equal.length} tables`} equal${contents}`;
}

function sayFirst(words: readonly string[]): string {
  const more = words.length > TOLD_MAX ? ` and ${words.length - TOLD_MAX} more` : '';
  return `${words.slice(0, TOLD_MAX).join(', ')}${more}`;
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
  const isHashed = tables.some(({ hash }) => hash !== null);
  const when = ofProofPoint
    ? `as production stood at ${first?.at ?? ''}, when the backup was taken`
    : 'in production';
  const what = isHashed ? 'rows were counted and contents hashed' : 'rows were counted';
  const all = isHashed ? 'every count and every hash' : 'every count';
  const leftOut = contents.flatMap((one) => one.leftOut);
  return [
    `Exact: ${what} ${when}, in one snapshot of each database whose position in the log is known; the copy was replayed to exactly that position, and ${all} had to be equal.`,
    ...(isHashed ? [] : ['It does not show that contents are equal.']),
    ...(tables.some(({ pages }) => pages !== null)
      ? ["Of large tables a seventh was hashed; the next seventh is tomorrow's."]
      : []),
    ...(leftOut.length === 0 ? [] : [`Not compared: ${sayFirst(leftOut)}.`]),
  ].join(' ');
}
