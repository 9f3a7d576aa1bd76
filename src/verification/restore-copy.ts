/**
 * Restores the backup that is proved. Its files are read while production is asked: neither needs the other, and only
 * the replay needs what both bring. Nothing outlives it: where one of the two fails, or the run is cancelled, the
 * other is stopped, and both have ended before this ends.
 */

import type { WalPath } from '../recovery/coverage.ts';
import {
  type Aim as RestoreAim,
  restoreToScratch,
  type ScratchRestore,
} from '../recovery/point-in-time/restore.ts';
import { type Aim, findAim, lookAtLog, targetOf } from './aim.ts';
import { judgeFailure, type Seen } from './checks.ts';
import { type Proving, roundSeconds } from './proving.ts';
import { countReads } from './read-count.ts';
import { closeBook, openSide, type Side } from './side.ts';
import { findEarlyPath } from './store-checks.ts';

export interface RestoredCopy {
  /** Undefined: there is none; the checks say why. */
  readonly restored: ScratchRestore | undefined;
  /** Waiting for production is no part of it. */
  readonly rtoSeconds: number | null;
}

interface AimedCopy extends RestoredCopy {
  readonly aim: Aim;
}

/** `asking`: what is asked of production ends with it. */
export async function restoreCopy(proving: Proving, asking: Side): Promise<AimedCopy> {
  const early = await findEarlyPath(proving);
  if (early !== undefined) return await restoreBeside(proving, asking, early);
  // No file is read for nothing. What is missing may have been stored when production has answered.
  const aim = await findAim({ ...proving, ...asking });
  closeBook(proving.book, asking.book);
  const { path } = aim;
  if (path === undefined) return { aim, restored: undefined, rtoSeconds: null };
  return { aim, ...(await restore(proving, path, async () => Promise.resolve(aim))) };
}

async function restoreBeside(proving: Proving, asking: Side, early: WalPath): Promise<AimedCopy> {
  const { run, book, deps } = proving;
  const reading = openSide(run, deps.recovery.clock);
  const aiming = findAim({ ...proving, ...asking });
  // Nobody needs the files then; what went wrong is told where it is awaited.
  aiming.catch((error: unknown) => reading.stop(error));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    asking.stop(NO_COPY_COMES);
    await aiming.catch(() => undefined);
  });
  const copy = await restore({ ...proving, ...reading }, early, async () => aiming);
  if (copy.restored === undefined) asking.stop(NO_COPY_COMES);
  const aimed = await aiming.catch((error: unknown) => {
    run.signal.throwIfAborted();
    if (!asking.isStopped()) throw error;
    return undefined;
  });
  closeBook(book, asking.book);
  const aim = aimed ?? (await goWithout(proving));
  closeBook(book, reading.book);
  return { ...copy, aim };
}

const NO_COPY_COMES = new Error('There will be no copy that could be compared');

/** What production may have said so far is of no use. */
async function goWithout(proving: Proving): Promise<Aim> {
  const { book, plan } = proving;
  const check = plan.isNewest || plan.base.proofLsn === undefined ? 'Production' : 'Proof point';
  if (!book.checks.some((one) => one.check === check)) {
    const detail = 'not asked to the end: there is no copy to compare with it';
    book.note(check, { verdict: 'SKIPPED', detail });
  }
  return await lookAtLog(proving);
}

async function restore(
  { deps, plan, run, book, store }: Proving,
  early: WalPath,
  findAimOfIt: () => Promise<Aim>,
): Promise<RestoredCopy> {
  const { server, base, databases } = plan;
  const { clock } = deps.recovery;
  const reads = countReads(deps.recovery);
  const beganMs = clock.elapsedMs();
  let waitedMs = 0;
  let isPathLost = false;

  async function aim(): Promise<RestoreAim> {
    const askedMs = clock.elapsedMs();
    const { path, truth } = await findAimOfIt();
    waitedMs = clock.elapsedMs() - askedMs;
    isPathLost = path === undefined;
    if (path === undefined) throw new Error('The log that makes the backup whole has gone');
    return { path, target: targetOf(path, truth) };
  }

  const request = { server, store, base, path: early, target: targetOf(early, undefined), aim };
  let restored: ScratchRestore | undefined;
  let seen: Seen;
  try {
    restored = await restoreToScratch(reads.recovery, { ...request, database: databases[0] }, run);
    const { restoreSeconds, replaySeconds } = restored.measured;
    const detail = `files in ${restoreSeconds.toFixed(1)} s, log in ${replaySeconds.toFixed(1)} s, from ${store.name}`;
    seen = { verdict: 'PASS', detail };
  } catch (error) {
    run.signal.throwIfAborted();
    // `Stored log` has said so.
    if (isPathLost) return { restored: undefined, rtoSeconds: null };
    seen = judgeFailure(error);
  }
  const seconds = (clock.elapsedMs() - beganMs - waitedMs) / 1000;
  book.note('Restore', { ...seen, seconds });
  const read = restored === undefined ? undefined : reads.seen(base.packs);
  if (read !== undefined) book.note('Bytes read', read);
  return { restored, rtoSeconds: restored === undefined ? null : roundSeconds(seconds) };
}
