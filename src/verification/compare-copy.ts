/** Compares the copy with what is known of production, position by position where they are exact. */
import type { DatabaseContent } from '../engines/proof-point.ts';
import type { Lsn } from '../kernel/lsn.ts';
import { nameOf } from '../postgres/table-content.ts';
import type { ScratchRestore } from '../recovery/point-in-time/restore.ts';
import { compareCatalogue, skipCatalogue } from './catalogue-checks.ts';
import type { ProductionCatalogue } from './catalogue-production.ts';
import { storedCatalogue } from './catalogue-stored.ts';
import { judgeFailure, type Seen } from './checks.ts';
import { type ComparedTable, judgeTables } from './compare.ts';
import { compareContent, judgeContents } from './compare-exact.ts';
import {
  type CopyContext,
  compareWithCopy,
  judgeExactPosition,
  judgePosition,
} from './copy-checks.ts';
import { compareDatabase } from './copy-content.ts';
import { isCorruption } from './damage.ts';
import { judgeLate, type LateBefore, readLateBefore } from './late-tables.ts';
import type { Proving } from './proving.ts';
import {
  type BoundedTruth,
  type ExactTruth,
  inOrder,
  isOwnPoint,
  lateOf,
  prefixOf,
  type Truth,
} from './truth.ts';

export async function compareBounds(
  proving: Proving,
  truth: BoundedTruth,
  context: CopyContext,
): Promise<readonly ComparedTable[] | undefined> {
  const { book, plan, deps } = proving;
  let tables: readonly ComparedTable[] | undefined;
  const lateBefore = await readLateBefore(deps.catalog, plan.server);
  const { source } = truth;
  const position = judgePosition(context, source);
  book.note('Log position', position);
  await book.look(`${source.tables.length} largest tables`, async () => {
    tables = await compareWithCopy(context, source.tables);
    let judged = judgeTables(tables, source.leftOut);
    // Production's statistics may have lagged: before a backup is called bad, they are read again.
    if (judged.verdict === 'FAIL') {
      tables = await compareWithCopy(context, await source.widen(context));
      judged = judgeTables(tables, source.leftOut);
    }
    return judgeLate(judged, lateOf(truth), lateBefore);
  });
  // Short of the position every later change would look like damage.
  if (position.verdict !== 'PASS') skipCatalogue(book, NOT_THERE);
  else
    for (const [index, database] of plan.databases.entries())
      await compareCatalogue(
        {
          book,
          context,
          database,
          isOneOfMany: plan.databases.length > 1,
          withShared: index === 0,
          isExact: false,
        },
        proving.catalogue.of(database),
      );
  return tables;
}

const NOT_THERE = 'the copy does not stand where production was read';

/** What the copy's catalogue is compared with, and its libraries are looked for. */
export function productionOf(
  { catalogue }: Pick<Proving, 'catalogue'>,
  truth: Truth | undefined,
  database: string,
): ProductionCatalogue {
  return isOwnPoint(truth) ? storedCatalogue(truth.point, database) : catalogue.of(database);
}

export function contextOf(
  { deps: { recovery } }: Proving,
  restored: ScratchRestore,
  signal: AbortSignal,
): CopyContext {
  return { restored, recovery, clock: recovery.clock, signal };
}

export interface CopyAtHand {
  readonly copy: ScratchRestore;
  readonly signal: AbortSignal;
}

export interface ComparedCopy {
  /** Undefined: nothing was compared. */
  readonly tables: readonly ComparedTable[] | undefined;
  /** It may have gone on. */
  readonly copy: ScratchRestore;
}

/** At each database's own position, the first one first. Nothing is compared anywhere else. */
export async function compareExactly(
  proving: Proving,
  truth: ExactTruth,
  { copy: first, signal }: CopyAtHand,
): Promise<ComparedCopy> {
  const { deps, book } = proving;
  const { clock } = deps.recovery;
  const contents = inOrder(truth.point);
  const found = new Map<DatabaseContent, readonly ComparedTable[]>();
  let copy = first;
  let seen = judgeExactPosition(copy, contents[0].lsn);
  let failure: unknown;
  let countedMs = 0;
  let isThere = false;
  for (const [index, content] of contents.entries()) {
    if (seen.verdict !== 'PASS') break;
    const { lsn, database } = content;
    try {
      copy = await goOn(copy, lsn, signal);
      seen = judgeExactPosition(copy, lsn);
      if (seen.verdict !== 'PASS') break;
      const context = contextOf(proving, copy, signal);
      isThere = true;
      // First: where it lost much, tables cannot even be counted.
      await compareCatalogue(
        {
          book,
          context,
          database,
          isOneOfMany: contents.length > 1,
          withShared: index === 0,
          isExact: true,
        },
        productionOf(proving, truth, database),
      );
      const beganMs = clock.elapsedMs();
      found.set(content, await compareDatabase(context, content, prefixOf(database, contents)));
      countedMs += clock.elapsedMs() - beganMs;
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      break;
    }
  }
  if (!isThere) skipCatalogue(book, NOT_THERE);
  book.note('Log position', seen);
  const tables = truth.point.databases.flatMap((one) => found.get(one) ?? sayMissed(truth, one));
  const seconds = countedMs / 1000;
  const judged = await judge(proving, truth, tables, failure);
  book.note(`${tables.length} largest tables`, { ...judged, seconds });
  return { tables, copy };
}

const NONE: LateBefore = new Map();

function sayMissed({ point }: ExactTruth, content: DatabaseContent): readonly ComparedTable[] {
  const prefix = prefixOf(content.database, point.databases);
  return content.tables.map((table) =>
    compareContent(`${prefix}${nameOf(table)}`, table, undefined),
  );
}

async function goOn(copy: ScratchRestore, lsn: Lsn, signal: AbortSignal): Promise<ScratchRestore> {
  const stands = judgeExactPosition(copy, lsn).verdict === 'PASS';
  return stands ? copy : copy.goOn(lsn, { signal });
}

async function judge(
  { deps, plan }: Proving,
  truth: ExactTruth,
  tables: readonly ComparedTable[],
  failure: unknown,
): Promise<Seen> {
  // What a backup's own proof point has missed it misses for ever.
  const before = truth.isProofPoint ? NONE : await readLateBefore(deps.catalog, plan.server);
  const judged = judgeLate(judgeContents(tables, truth.point.databases), lateOf(truth), before);
  if (failure === undefined || judged.verdict === 'FAIL') return judged;
  if (isCorruption(failure)) return { verdict: 'FAIL', detail: failure.message };
  return judgeFailure(failure);
}
