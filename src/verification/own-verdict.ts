/**
 * What a proof says of the copy alone. A proof fails for whatever is wrong; the copy only for what is its
 * own, because one that is called bad is set aside by restores and, in the end, removed. Pure.
 */
import type { Verdict } from '../kernel/verdict.ts';
import { WAL_HOLE } from '../recovery/problems.ts';
import { type Check, otherStore, STORED_LOG, verdictOf } from './checks.ts';
import { KEPT_LOG } from './kept-log.ts';
import type { VerifyPlan } from './plan.ts';
import { MANIFESTS } from './store-checks.ts';

export interface Proof {
  readonly plan: Pick<VerifyPlan, 'unreadable' | 'passedOver'> & {
    readonly base: Pick<VerifyPlan['base'], 'damagedFiles'>;
  };
  readonly checks: readonly Check[];
  /** The log that makes the backup consistent is all there. */
  readonly isWhole: boolean;
}

/** That production is another cluster, or idle, or that nobody stores its log, is no fault of the copy. */
const BESIDE: readonly string[] = ['Production', 'Latest transaction'];

export function ownVerdict({ plan, checks, isWhole }: Proof): Verdict {
  const { unreadable, passedOver, base } = plan;
  // Log that another moment needs; what this backup needs, its restore has read.
  const foreign = [KEPT_LOG, ...passedOver.map(({ store }) => otherStore(store))];
  if (unreadable.length > 0 && base.damagedFiles.length === 0) foreign.push(MANIFESTS);
  const isShort =
    isWhole && checks.some(({ check, verdict }) => check === STORED_LOG && verdict === 'FAIL');
  const own = checks.filter(({ check }) => !foreign.includes(check));
  return verdictOf(
    own.map((one) => {
      const { check, verdict } = one;
      const isBeside = BESIDE.includes(check) || (isShort && isBehind(one));
      // It was not proved all the same: never PASS.
      return isBeside && verdict === 'FAIL' ? { check, verdict: 'ERROR' } : one;
    }),
  );
}

/** What log that ends too early, or has a hole, makes fail after the backup's own end. */
function isBehind({ check, detail }: Check): boolean {
  if (check === 'Restore') return detail.endsWith(`(${WAL_HOLE.code})`);
  return check === STORED_LOG || check === 'Log position' || check.endsWith('largest tables');
}
