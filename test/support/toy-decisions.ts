/** Operations to decide on, and the words for deciding, as the gate's tests share them. */
import type { RunRecord } from '../../src/catalog/runs.ts';
import type { Decided } from '../../src/gate/gate.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { BEN, SIGNAL, type ToyGate } from './toy-gate.ts';
import { toyOperation } from './toy-operation.ts';

/** One of each danger, and one that is followed by another. */
export const OPERATIONS = [
  toyOperation('look', 'none'),
  toyOperation('backup', 'low'),
  toyOperation('repair', 'high'),
  toyOperation('restore', 'low', {
    followUps: ({ server }) => [{ operation: 'repair', input: { server } }],
  }),
];

/** The code of the Problem it rejects with; `none` when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isProblem(error)) return error.kind.code;
    throw error;
  }
  return 'none';
}

/** Ben approves what was seen, unless `change` says otherwise. */
export function decide(at: ToyGate, run: RunRecord, change: object): Promise<Decided> {
  const usual = { runId: run.runId, decision: 'approve', actor: BEN, signal: SIGNAL } as const;
  return at.gate.decide({ ...usual, planHash: run.planHash, ...change });
}
