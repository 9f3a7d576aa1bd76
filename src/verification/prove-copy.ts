/**
 * Restores the backup into a scratch cluster, looks at the copy, and removes it whatever comes: the answer
 * says whether it is gone.
 */
import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import { compareLsn } from '../kernel/lsn.ts';
import type { WalPath } from '../recovery/coverage.ts';
import { restoreToScratch, type ScratchRestore } from '../recovery/point-in-time/restore.ts';
import type { Target } from '../recovery/target.ts';
import { type CheckBook, couldNotTell, judgeFailure, type Seen } from './checks.ts';
import { type ComparedTable, judgeTables } from './compare.ts';
import {
  type CopyContext,
  checkStructure,
  compareWithCopy,
  judgeAge,
  judgePosition,
  openEveryDatabase,
  promote,
} from './copy-checks.ts';
import { type Proving, roundSeconds } from './proving.ts';
import type { Source } from './source.ts';

export interface CopyFindings {
  readonly tables: readonly ComparedTable[] | undefined;
  readonly latestTransactionAt: string | null;
  readonly restoredToLsn: string | null;
  readonly rtoSeconds: number | null;
  readonly tornDown: boolean;
}

export const NO_COPY: CopyFindings = {
  tables: undefined,
  latestTransactionAt: null,
  restoredToLsn: null,
  rtoSeconds: null,
  // Nothing was made, or recovery has removed it already.
  tornDown: true,
};

interface Aim {
  readonly path: WalPath;
  /** What the copy is compared with; undefined: with nothing. */
  readonly source: Source | undefined;
  /** Production was asked, and the log does not get there: a copy in another store that is behind. */
  readonly isLate: boolean;
  /** Only the backup itself is proved: what came after it was thinned out. */
  readonly isAlone: boolean;
}

export async function proveCopy(proving: Proving, aim: Aim): Promise<CopyFindings> {
  const { deps, run, book } = proving;
  const { clock } = deps.recovery;
  const beganMs = clock.elapsedMs();
  const restored = await restore(proving, aim);
  if (restored === undefined) return NO_COPY;
  const rtoSeconds = roundSeconds((clock.elapsedMs() - beganMs) / 1000);
  let tornDown = false;
  let tables: readonly ComparedTable[] | undefined;
  {
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      tornDown = await tearDown(restored, run);
    });
    tables = await lookAtCopy(proving, aim, restored);
  }
  if (!tornDown) {
    const detail = 'it could not be removed at once; the sweeper takes it back';
    book.note('Scratch cluster', { verdict: 'ERROR', detail });
  }
  const { lsn, at } = restored.reached;
  const latestTransactionAt = at === null ? null : utcText(at);
  return { tables, latestTransactionAt, restoredToLsn: lsn, rtoSeconds, tornDown };
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

async function restore(
  { deps, plan, run, book, store }: Proving,
  { path, source }: Aim,
): Promise<ScratchRestore | undefined> {
  const { server, base } = plan;
  let restored: ScratchRestore | undefined;
  const beganMs = deps.recovery.clock.elapsedMs();
  const target = targetOf(path, source);
  const [database] = plan.databases;
  let seen: Seen;
  try {
    const request = { server, store, base, path, target, database };
    restored = await restoreToScratch(deps.recovery, request, run);
    const { restoreSeconds, replaySeconds } = restored.measured;
    const detail = `files in ${restoreSeconds.toFixed(1)} s, log in ${replaySeconds.toFixed(1)} s, from ${store.name}`;
    seen = { verdict: 'PASS', detail };
  } catch (error) {
    run.signal.throwIfAborted();
    seen = judgeFailure(error);
  }
  const seconds = (deps.recovery.clock.elapsedMs() - beganMs) / 1000;
  book.note('Restore', { ...seen, seconds });
  return restored;
}

/** To production's position where the log gets there; else as far as it goes, which is looked at too. */
function targetOf(path: WalPath, source: Source | undefined): Target {
  const end = source !== undefined && compareLsn(path.toLsn, source.laterLsn) >= 0;
  if (end) return { kind: 'lsn', asked: source.lsn, lsn: source.lsn };
  // Up to a hole and no further: what lies behind it is not asked for.
  if (path.broken) return { kind: 'lsn', asked: path.toLsn, lsn: path.toLsn };
  return { kind: 'latest', asked: 'latest' };
}

async function lookAtCopy(
  { deps, plan, run, book }: Proving,
  { source, isLate, isAlone }: Aim,
  restored: ScratchRestore,
): Promise<readonly ComparedTable[] | undefined> {
  const { recovery } = deps;
  const { base, maxAgeSeconds } = plan;
  let tables: readonly ComparedTable[] | undefined;
  await run.step('Compare the copy with production', async ({ signal }) => {
    const context: CopyContext = { restored, recovery, clock: recovery.clock, signal };
    if (isAlone) noteAlone(book);
    else if (source === undefined) noteUncompared(book, isLate);
    else {
      book.note('Log position', judgePosition(context, source));
      await book.look(`${source.tables.length} largest tables`, async () => {
        tables = await compareWithCopy(context, source.tables);
        const first = judgeTables(tables);
        if (first.verdict !== 'FAIL') return first;
        // Production's statistics may have lagged: before a backup is called bad, they are read again.
        tables = await compareWithCopy(context, await source.widen());
        return judgeTables(tables);
      });
    }
    const now = source === undefined ? recovery.clock.now() : Temporal.Instant.from(source.at);
    const at = restored.reached.at;
    const age = { at, backupEndedAt: base.endedAt, maxAgeSeconds, now };
    if (!isAlone) book.note('Latest transaction', judgeAge(age));
    await book.look('Databases', async () => openEveryDatabase(context));
  });
  await run.step('Check indexes and pages', async ({ signal }) => {
    const context: CopyContext = { restored, recovery, clock: recovery.clock, signal };
    await book.look('Opening', async () => promote(context));
    await book.look('Indexes and pages', async () =>
      checkStructure(context, await recovery.programsFor(base.major, { signal })),
    );
  });
  return tables;
}

/** Production has gone on since, and nothing leads from there to it: that is no fault of the backup. */
function noteAlone(book: CheckBook): void {
  const detail = 'production has gone on since, and the log between was thinned out';
  for (const check of ['Log position', 'Largest tables', 'Latest transaction'])
    book.note(check, { verdict: 'SKIPPED', detail });
}

function noteUncompared(book: CheckBook, isLate: boolean): void {
  const state = isLate ? 'its log is not in this store yet' : 'production could not be asked';
  const why = couldNotTell(new Error(state));
  book.note('Log position', why);
  book.note('Largest tables', why);
}
