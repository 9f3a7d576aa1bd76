/** How a run ends when its work threw: cancelled, interrupted or failed, with the problem as JSON. */
import type { RunRecord } from '../catalog/runs.ts';
import type { Json } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import { asProblem, problemJson } from './problem-json.ts';
import { BUG, CANCELLED, SHUTDOWN } from './problems.ts';

export type Ended =
  | { readonly state: 'done'; readonly result: Json }
  | { readonly state: 'failed' | 'cancelled' | 'interrupted'; readonly problem: Json };

export interface EndedRun {
  readonly run: RunRecord;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Once aborted, the reason of the abort is why it ended, whatever the work threw on its way out. */
export function endingOf(error: unknown, { run, signal, log }: EndedRun): Ended {
  const doing = `finish "${run.operation}"`;
  if (!signal.aborted) {
    const problem = asProblem(error, doing);
    if (isProblem(problem, BUG)) log.error('A run met a bug', { code: BUG.code, error });
    return { state: 'failed', problem: problemJson(problem) };
  }
  if (!isAbort(error, signal)) log.warn('A run that was stopped also failed', { error });
  const reason = asProblem(isSaidBetter(error, signal) ? error : signal.reason, doing);
  const problem = problemJson(reason);
  if (isProblem(reason, CANCELLED)) return { state: 'cancelled', problem };
  if (isProblem(reason, SHUTDOWN)) return { state: 'interrupted', problem };
  return { state: 'failed', problem };
}

/** Work that left something behind says so: the same problem, with more words. */
function isSaidBetter(error: unknown, { reason }: AbortSignal): boolean {
  return isProblem(reason) && isProblem(error, reason.kind) && error.cause === reason;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true;
  return error instanceof Error && (error.name === 'AbortError' || error.cause === signal.reason);
}
