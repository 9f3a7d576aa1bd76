/** Looks at a restored copy, and removes it whatever comes: the answer says whether it is gone. */
import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Reached } from '../recovery/point-in-time/replay.ts';
import type { ScratchRestore } from '../recovery/point-in-time/restore.ts';
import type { Aim } from './aim.ts';
import { lookAtHost, skipCatalogue } from './catalogue-checks.ts';
import { type CheckBook, couldNotTell } from './checks.ts';
import type { ComparedTable } from './compare.ts';
import {
  type ComparedCopy,
  type CopyAtHand,
  compareBounds,
  compareExactly,
  contextOf,
  productionOf,
} from './compare-copy.ts';
import { judgeAge, openEveryDatabase, promote } from './copy-checks.ts';
import { checkPages } from './page-checks.ts';
import type { Proving } from './proving.ts';
import { checkStructure } from './structure.ts';
import { isOwnPoint } from './truth.ts';

export interface CopyFindings {
  readonly tables: readonly ComparedTable[] | undefined;
  readonly latestTransactionAt: string | null;
  readonly restoredToLsn: string | null;
  readonly tornDown: boolean;
}

export const NO_COPY: CopyFindings = {
  tables: undefined,
  latestTransactionAt: null,
  restoredToLsn: null,
  // Nothing was made, or recovery has removed it already.
  tornDown: true,
};

export async function proveCopy(
  proving: Proving,
  aim: Aim,
  restored: ScratchRestore,
): Promise<CopyFindings> {
  const { run, book } = proving;
  let tornDown = false;
  let looked: Looked;
  {
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      tornDown = await tearDown(restored, run);
    });
    looked = await lookAtCopy(proving, aim, restored);
  }
  if (!tornDown) {
    const detail = 'it could not be removed at once; the sweeper takes it back';
    book.note('Scratch cluster', { verdict: 'ERROR', detail });
  }
  const { lsn, at } = looked.reached;
  const { tables } = looked;
  const latestTransactionAt = at === null ? null : utcText(at);
  return { tables, latestTransactionAt, restoredToLsn: lsn, tornDown };
}

async function tearDown(restored: ScratchRestore, run: Run): Promise<boolean> {
  try {
    await restored.discard();
    return true;
  } catch (error) {
    run.log.warn('A scratch cluster was not removed', { error: String(error) });
    return false;
  }
}

interface Looked {
  readonly tables: readonly ComparedTable[] | undefined;
  readonly reached: Reached;
}

async function lookAtCopy(proving: Proving, aim: Aim, restored: ScratchRestore): Promise<Looked> {
  const { deps, plan, run, book } = proving;
  const { recovery } = deps;
  let compared: ComparedCopy = { tables: undefined, copy: restored };
  await run.step('Compare the copy with production', async ({ signal }) => {
    compared = await compareCopy(proving, aim, { copy: restored, signal });
    noteAge(proving, aim, compared.copy);
    const context = contextOf(proving, compared.copy, signal);
    await book.look('Databases', async () => openEveryDatabase(context));
    const { preloads } = productionOf(proving, aim.truth, plan.databases[0] ?? '');
    await lookAtHost(book, context, { major: plan.base.major, preloads });
  });
  const { copy, tables } = compared;
  await run.step('Check indexes and pages', async ({ signal }) => {
    const context = contextOf(proving, copy, signal);
    const programs = await recovery.programsFor(plan.base.major, { signal });
    await book.look('Opening', async () => promote(context));
    const heapAllIndexed = deps.servers[plan.server]?.verification.heap_all_indexed === true;
    await book.look('Indexes and pages', async () =>
      checkStructure(context, { programs, heapAllIndexed }),
    );
    await book.look('Page checksums', async () => checkPages(context, programs));
  });
  return { tables, reached: copy.reached };
}

async function compareCopy(
  proving: Proving,
  { truth, isLate, isAlone }: Aim,
  { copy, signal }: CopyAtHand,
): Promise<ComparedCopy> {
  const { book } = proving;
  if (truth?.kind === 'exact') return compareExactly(proving, truth, { copy, signal });
  if (truth?.kind === 'bounded') {
    const context = contextOf(proving, copy, signal);
    return { tables: await compareBounds(proving, truth, context), copy };
  }
  if (isAlone) noteAlone(book);
  else noteUncompared(book, isLate);
  return { tables: undefined, copy };
}

function noteAge({ deps, plan, book }: Proving, aim: Aim, { reached }: ScratchRestore): void {
  if (aim.isAlone) return;
  const { base, maxAgeSeconds } = plan;
  const { truth } = aim;
  const now = truth === undefined ? deps.recovery.clock.now() : Temporal.Instant.from(truth.at);
  const asOf = isOwnPoint(truth) ? 'its proof point was taken' : 'the proof began';
  const age = { at: reached.at, backupEndedAt: base.endedAt, maxAgeSeconds, now, asOf };
  book.note('Latest transaction', judgeAge(age));
}

/** Production has gone on since, and nothing leads from there to it: that is no fault of the backup. */
function noteAlone(book: CheckBook): void {
  const detail = 'production has gone on since, and the log between was thinned out';
  for (const check of ['Log position', 'Largest tables', 'Latest transaction'])
    book.note(check, { verdict: 'SKIPPED', detail });
  skipCatalogue(book, detail);
}

function noteUncompared(book: CheckBook, isLate: boolean): void {
  const state = isLate ? 'its log is not in this store yet' : 'production could not be asked';
  const why = couldNotTell(new Error(state));
  book.note('Log position', why);
  book.note('Largest tables', why);
  skipCatalogue(book, state);
}
