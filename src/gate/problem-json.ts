/** A problem as plain JSON: what a failed run keeps and what `--json` prints. Pure. */
import type { Json } from '../kernel/codecs.ts';
import { isProblem, Problem, type ProblemKind } from '../kernel/problem.ts';
import { BUG } from './problems.ts';

export interface ProblemJson {
  readonly [key: string]: Json;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retry: ProblemKind['retry'];
  readonly runbook: string | null;
  readonly fault: ProblemKind['fault'];
}

export function problemJson(problem: Problem): ProblemJson {
  const { kind, message, hint } = problem;
  const { code, retry, runbook = null, fault } = kind;
  return { code, message, hint, retry, runbook, fault };
}

/** A bug has no kind of its own: it becomes GATE_BUG, with the error as its cause. */
export function asProblem(error: unknown, doing: string): Problem {
  if (isProblem(error)) return error;
  const state = error instanceof Error ? error.message : String(error);
  return new Problem(BUG, `Cannot ${doing}: it met a bug: ${state}`, { cause: error });
}
