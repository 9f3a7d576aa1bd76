/** How a run's end reads in a walk. Pure. */
import type { RunEventKind, RunState } from '../catalog/runs.ts';
import type { RunEnded } from './incidents.ts';

type End = Pick<RunEnded, 'outcome' | 'said'>;

const ENDS: Partial<Record<RunState | RunEventKind, End>> = {
  done: { outcome: 'done', said: 'is done' },
  failed: { outcome: 'not done', said: 'failed' },
  refused: { outcome: 'not done', said: 'was refused' },
  expired: { outcome: 'not done', said: 'expired before somebody approved it' },
  cancelled: { outcome: 'not done', said: 'was cancelled' },
  interrupted: { outcome: 'not done', said: 'was interrupted' },
};

/** Undefined: that is no end. */
export function endOf(what: RunState | RunEventKind): End | undefined {
  return ENDS[what];
}
