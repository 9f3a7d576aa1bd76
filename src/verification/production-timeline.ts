/**
 * On which timeline the position lies that a copy is compared at. The same position on another timeline has other
 * contents: what a failover lost, or what a server wrote that was made a primary by mistake.
 */
import { readServerFacts } from '../postgres/server-facts.ts';
import { findTruth } from './ask-production.ts';
import { couldNotTell } from './checks.ts';
import type { Proving } from './proving.ts';
import { isOwnPoint, type Truth } from './truth.ts';

export interface TimedTruth {
  readonly truth: Truth | undefined;
  /** Undefined: nobody said so. */
  readonly timeline: number | undefined;
}

/** What production said while it failed over is of no use: nobody knows of which timeline it is. */
export async function findTimedTruth(proving: Proving): Promise<TimedTruth> {
  const { plan, book } = proving;
  const isOwn = !plan.isNewest && plan.base.proofLsn !== undefined;
  const before = isOwn ? undefined : await readTimeline(proving);
  const truth = await findTruth(proving);
  // Its backup ended on the timeline on which it began, and the point is of the same minutes.
  if (isOwnPoint(truth)) return { truth, timeline: plan.base.timeline };
  if (truth === undefined) return { truth, timeline: undefined };
  const timeline = await readTimeline(proving);
  if (before === timeline) return { truth, timeline };
  book.note('Production', couldNotTell(new Error('it failed over while it was counted')));
  return { truth: undefined, timeline: undefined };
}

/** Undefined: it does not answer, which the proof says elsewhere, or it is a standby. */
async function readTimeline({ deps, plan, run }: Proving): Promise<number | undefined> {
  const { signal } = run;
  try {
    const url = deps.servers[plan.server]?.url ?? '';
    await using session = await deps.recovery.connect(url, { signal });
    const { inRecovery, timeline } = await readServerFacts(session);
    // What a standby knows of it is as old as its last restart point.
    return inRecovery ? undefined : timeline;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
