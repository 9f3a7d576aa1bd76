/**
 * What a copy is compared with: contents at exact positions, from production now or from the backup's own
 * proof point; else, where no exact position can be had, bounds that production gives.
 */
import type { DatabaseContent, ProofPoint } from '../engines/proof-point.ts';
import { compareLsn, type Lsn } from '../kernel/lsn.ts';
import { nameOf } from '../postgres/table-content.ts';
import { BOUNDED_SHOWS, type ComparedTable, compareTable } from './compare.ts';
import { compareContent, exactShows } from './compare-exact.ts';
import { fullName } from './late-tables.ts';
import type { ProductionLoad } from './result.ts';
import type { Source } from './source.ts';

export interface ExactTruth {
  readonly kind: 'exact';
  readonly point: ProofPoint;
  /** RFC 3339: how production stood then is what is compared. */
  readonly at: string;
  /** Taken when the backup was: production has gone on since. */
  readonly isProofPoint: boolean;
  /** Null: production was not asked now. */
  readonly load: ProductionLoad | null;
}

export interface BoundedTruth {
  readonly kind: 'bounded';
  readonly source: Source;
  readonly at: string;
  /** Why there is no exact position. */
  readonly reason: string;
  readonly load: ProductionLoad;
}

export type Truth = ExactTruth | BoundedTruth;

/** It needs neither production nor log behind the backup's own. */
export function isOwnPoint(truth: Truth | undefined): truth is ExactTruth {
  return truth?.kind === 'exact' && truth.isProofPoint;
}

/** The stored log must reach it. */
export function neededLsn(truth: Truth): Lsn {
  return truth.kind === 'exact' ? truth.point.untilLsn : truth.source.laterLsn;
}

/** The first position first: a copy only ever goes on. */
export function inOrder({
  databases,
}: ProofPoint): readonly [DatabaseContent, ...DatabaseContent[]] {
  const [first, ...others] = databases.toSorted((a, b) => compareLsn(a.lsn, b.lsn));
  if (first === undefined) throw new TypeError('A proof point has at least one database');
  return [first, ...others];
}

/** Where production stood: the last position that the copy must reach. */
function sourceLsn(truth: Truth): Lsn {
  if (truth.kind === 'bounded') return truth.source.lsn;
  const ordered = inOrder(truth.point);
  return (ordered.at(-1) ?? ordered[0]).lsn;
}

export interface TruthWords {
  readonly mode: 'exact' | 'bounded';
  readonly shows: string;
  /** What was not compared although it is there. */
  readonly leftOut: string[];
  /** What the time did not reach; with its database. */
  readonly late: string[];
  readonly sourceLsn: string | null;
  readonly production: ProductionLoad | null;
}

/** `compared`: what the copy was compared with in the end. */
export function wordsOf(truth: Truth | undefined, compared: Truth | undefined): TruthWords {
  return {
    mode: truth?.kind ?? 'bounded',
    shows: showsOf(compared),
    leftOut: leftOutOf(truth),
    late: lateOf(truth),
    sourceLsn: truth === undefined ? null : sourceLsn(truth),
    production: truth?.load ?? null,
  };
}

function leftOutOf(truth: Truth | undefined): string[] {
  if (truth === undefined) return [];
  if (truth.kind === 'bounded') return [...truth.source.leftOut];
  return truth.point.databases.flatMap(({ leftOut }) => leftOut);
}

/** Which tables the time did not reach this time. */
export function lateOf(truth: Truth | undefined): string[] {
  if (truth === undefined) return [];
  if (truth.kind === 'bounded')
    return truth.source.tables
      .filter(({ missed }) => missed?.why === 'out of time')
      .map(({ database, table }) => fullName(database, table));
  return truth.point.databases.flatMap(({ database, missed }) =>
    missed.filter(({ why }) => why === 'out of time').map(({ table }) => fullName(database, table)),
  );
}

function showsOf(truth: Truth | undefined): string {
  if (truth === undefined) return 'Nothing was compared with production: the checks say why.';
  if (truth.kind === 'exact') return exactShows(truth.point.databases, truth.isProofPoint);
  return `${BOUNDED_SHOWS} No exact comparison, because ${truth.reason}.`;
}

/** What stands before each table's name where several databases are proved. */
export function prefixOf(database: string, all: readonly unknown[]): string {
  return all.length === 1 ? '' : `${database}.`;
}

export function notCompared(truth: Truth | undefined): readonly ComparedTable[] {
  if (truth === undefined) return [];
  if (truth.kind === 'bounded')
    return truth.source.tables.map((table) => compareTable(table.table, table, undefined));
  const { databases } = truth.point;
  return databases.flatMap(({ database, tables }) =>
    tables.map((table) =>
      compareContent(`${prefixOf(database, databases)}${nameOf(table)}`, table, undefined),
    ),
  );
}
