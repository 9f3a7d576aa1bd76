/** Exit codes as the surface promises them: 0 done · 1 bad · 2 request · 3 refused · 4 world · 130. Pure. */
import type { RunRecord, RunState } from '../catalog/runs.ts';
import type { Json } from '../kernel/codecs.ts';
import { isProblem, type ProblemKind } from '../kernel/problem.ts';
import type { AnyOperation } from './operation.ts';
import { memberOf } from './plain-json.ts';

const OF_FAULT: Readonly<Record<ProblemKind['fault'], number>> = {
  request: 2,
  refused: 3,
  world: 4,
};

/** Anything but a problem is a bug, and a bug is the world's fault for whoever asked. */
export function exitCodeOf(error: unknown): number {
  return isProblem(error) ? OF_FAULT[error.kind.fault] : OF_FAULT.world;
}

/** What did not start was refused; what has not ended nobody can tell. */
const OF_STATE: Readonly<Record<Exclude<RunState, 'done' | 'failed'>, number>> = {
  interrupted: 130,
  waiting: OF_FAULT.refused,
  refused: OF_FAULT.refused,
  expired: OF_FAULT.refused,
  cancelled: OF_FAULT.refused,
  approved: OF_FAULT.world,
  running: OF_FAULT.world,
};

export function exitCodeOfRun(run: RunRecord, operation: AnyOperation | undefined): number {
  if (run.state === 'done') return operation?.exitCode?.(run.result) ?? 0;
  return run.state === 'failed' ? OF_FAULT[faultOf(run.problem)] : OF_STATE[run.state];
}

function faultOf(problem: Json): ProblemKind['fault'] {
  const fault = memberOf(problem, 'fault');
  return fault === 'request' || fault === 'refused' ? fault : 'world';
}
