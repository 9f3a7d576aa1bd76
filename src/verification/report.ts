/**
 * What a report says besides what was proved: why this backup and this store, what was promised, and when
 * the next proof is due. A proof of an older backup says nothing of what the server can be restored to now.
 */
import { utcText } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import type { VerificationDeps } from './deps.ts';
import type { VerifyPlan } from './plan.ts';
import type { VerifyResult } from './result.ts';

interface ReportDeps extends Pick<VerificationDeps, 'servers' | 'nextProofAt'> {
  readonly recovery: Pick<VerificationDeps['recovery'], 'clock'>;
}

export function reportOf(
  { servers, recovery, nextProofAt }: ReportDeps,
  plan: VerifyPlan,
  result: VerifyResult,
): VerifyResult {
  const objectives = servers[plan.server]?.objectives;
  const next = nextProofAt?.(plan.server, recovery.clock.now());
  return {
    ...result,
    ...(plan.isNewest ? {} : olderWords(plan, result)),
    runCommand: `npx dbdr runs --run ${result.runId}`,
    which: plan.which,
    whyStore: plan.why,
    isNewest: plan.isNewest,
    rpoObjectiveSeconds: secondsOf(objectives?.rpo),
    rtoObjectiveSeconds: secondsOf(objectives?.rto),
    nextProofAt: next === undefined ? null : utcText(next),
  };
}

function olderWords(
  { server, base }: VerifyPlan,
  { verdict, next, restoredToLsn }: VerifyResult,
): Pick<VerifyResult, 'title' | 'next'> {
  const what = `backup of ${formatUtc(Temporal.Instant.from(base.beganAt).round({ smallestUnit: 'second', roundingMode: 'floor' }))}`;
  switch (verdict) {
    case 'PASS':
      return { title: `The ${what} of ${server} is restorable`, next };
    case 'FAIL':
      return {
        title: `The ${what} of ${server} could NOT be proved restorable`,
        next: `Newer backups stand as they were proved. See with \`backups ${server}\` whether another store has a good copy, then find out what damaged this one.`,
      };
    case 'ERROR':
      return {
        title: `It could not be told whether the ${what} of ${server} is restorable`,
        next: next.replace(
          `\`verify ${server}\``,
          `\`verify ${server} --backup ${base.backupId}\``,
        ),
      };
    case 'SKIPPED':
      return {
        title: `The ${what} of ${server} was not proved`,
        next: restoredToLsn === null ? next : NOTHING_TO_COMPARE,
      };
    default:
      throw new TypeError(`Unreachable verdict: ${JSON.stringify(verdict satisfies never)}`);
  }
}

/** Asking again would tell no more. */
const NOTHING_TO_COMPARE =
  'Nothing to do: the copy is sound as far as it could be looked at, and there is nothing left to compare it with.';

function secondsOf(duration: string | undefined): number | null {
  return duration === undefined ? null : Temporal.Duration.from(duration).total('seconds');
}
