/**
 * Where a copy has to stand to be compared: what production, or the backup's own proof point, says, and the
 * stored log that leads there. Nothing of it needs the copy.
 */
import { compareLsn } from '../kernel/lsn.ts';
import type { WalPath } from '../recovery/coverage.ts';
import type { Target } from '../recovery/target.ts';
import { findTimedTruth } from './production-timeline.ts';
import type { Proving } from './proving.ts';
import { type FoundPath, findPath, readRpo, waitForLog } from './store-checks.ts';
import { inOrder, isOwnPoint, neededLsn, type Truth } from './truth.ts';

export interface Aim {
  /** Undefined: not even the backup's own log is whole. */
  readonly path: FoundPath | undefined;
  /** What was told, whether the log gets there or not. */
  readonly told: Truth | undefined;
  /** What the copy is compared with; undefined: with nothing. */
  readonly truth: Truth | undefined;
  /** Production was asked, and the log does not get there: a copy in another store that is behind. */
  readonly isLate: boolean;
  /** Only the backup itself is proved: what came after it was thinned out. */
  readonly isAlone: boolean;
  readonly rpoSeconds: number | null;
}

export async function findAim(proving: Proving): Promise<Aim> {
  const timed = await findTimedTruth(proving);
  const { truth: told } = timed;
  if (told !== undefined && !isOwnPoint(told)) await waitForLog(proving, told);
  const rpoSeconds = await readRpo(proving);
  const path = await findPath(proving, timed);
  const isLate = isBehind(proving, path, told);
  const isAlone = path?.isAlone === true && !isOwnPoint(told);
  const truth = isLate || isAlone ? undefined : told;
  return { path, told, truth, isLate, isAlone, rpoSeconds };
}

/** Where nobody is asked any more, because there is no copy. What is stored of the log is looked at all the same. */
export async function lookAtLog(proving: Proving): Promise<Aim> {
  const rpoSeconds = await readRpo(proving);
  const path = await findPath(proving, { truth: undefined, timeline: undefined });
  const nothing = { told: undefined, truth: undefined, isLate: false, isAlone: false };
  return { path, rpoSeconds, ...nothing };
}

/**
 * The first store is where the log goes: there nothing may be missing. Others follow it. Log that does not lead onto
 * production's timeline is as good as late in every store.
 */
function isBehind(
  { deps, plan, store }: Proving,
  path: FoundPath | undefined,
  truth: Truth | undefined,
): boolean {
  if (path?.isElsewhere === true) return true;
  if (path === undefined || truth === undefined || isOwnPoint(truth)) return false;
  if (deps.recovery.storesOf(plan.server)[0]?.name === store.name) return false;
  return compareLsn(path.toLsn, neededLsn(truth)) < 0;
}

/** To production's position where the log gets there; else as far as it goes, which is looked at too. */
export function targetOf(path: WalPath, truth: Truth | undefined): Target {
  if (truth !== undefined && compareLsn(path.toLsn, neededLsn(truth)) >= 0) {
    const lsn = truth.kind === 'exact' ? inOrder(truth.point)[0].lsn : truth.source.lsn;
    return { kind: 'lsn', asked: lsn, lsn };
  }
  // Up to a hole and no further: what lies behind it is not asked for.
  if (path.broken && path.thinned !== true)
    return { kind: 'lsn', asked: path.toLsn, lsn: path.toLsn };
  return { kind: 'latest', asked: 'latest' };
}
