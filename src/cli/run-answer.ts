/** Ended runs as one document and one text: the asked run, its steps, and what followed it. Pure. */
import { z } from 'zod';

import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { AskedRun } from '../gate/gate.ts';
import { problemJson } from '../gate/problem-json.ts';
import type { Json } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import type { Answer } from './answer.ts';
import type { ToldProblem } from './problem-text.ts';
import { APPROVAL_NEEDED } from './problems.ts';
import { isObject, type Reader } from './text.ts';
import { viewOf } from './views.ts';

export interface ToldRun {
  readonly run: RunRecord;
  readonly events: readonly RunEvent[];
}

const StoredProblem = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retry: z.string(),
  runbook: z.string().nullable(),
});

/** The first run is the one that was asked for; the others followed it. */
export function runAnswer(runs: readonly ToldRun[], reader: Reader): Answer {
  const [first, ...rest] = runs;
  if (first === undefined) throw new TypeError('Nothing was performed');
  const last = runs.at(-1) ?? first;
  const problem = problemOf(last.run);
  const document = {
    ...resultOf(first.run),
    ...broughtBack(rest),
    runId: first.run.runId,
    state: first.run.state,
    steps: runs.flatMap(stepsOf),
    ...(rest.length === 0 ? {} : { followUps: rest.map(runJson) }),
    ...(problem === undefined ? {} : { problem: { ...problem } }),
  };
  const text = runs
    .filter(({ run }) => run.result !== null)
    .map(({ run }) => viewOf(run.operation, { runId: run.runId, ...resultOf(run) }, reader))
    .join('\n\n');
  return { json: document, text, exitCode: 0, ...(problem === undefined ? {} : { problem }) };
}

function runJson({ run }: ToldRun): Json {
  return {
    ...resultOf(run),
    operation: run.operation,
    runId: run.runId,
    state: run.state,
  };
}

/** The tables that a follow-up brought back stand where whoever asked looks for them. */
function broughtBack(rest: readonly ToldRun[]): { readonly tables?: Json } {
  for (const { run } of rest) {
    const tables = isObject(run.result) ? run.result['tables'] : undefined;
    if (tables !== undefined) return { tables };
  }
  return {};
}

function resultOf({ result }: RunRecord): { readonly [key: string]: Json | undefined } {
  return isObject(result) ? result : {};
}

function stepsOf({ events }: ToldRun): readonly Json[] {
  return events.filter(({ kind }) => kind === 'step ended').map(({ data }) => data);
}

function problemOf(run: RunRecord): (ToldProblem & { readonly retry: string }) | undefined {
  if (run.state === 'done') return undefined;
  const read = StoredProblem.safeParse(run.problem);
  if (read.success) return read.data;
  const { code, hint, message, retry, runbook } = problemJson(
    new Problem(APPROVAL_NEEDED, `Cannot finish "${run.operation}": it ended ${run.state}`),
  );
  return { code, hint, message, retry, runbook };
}

export function notApproved(run: RunRecord, why: string): Problem {
  return new Problem(APPROVAL_NEEDED, `Cannot approve "${run.operation}": ${why}`);
}

/** What was restored waits; what touches production was not approved. */
export function approvalMissing(
  left: readonly AskedRun[],
): ToldProblem & { readonly retry: string } {
  const titles = left.map(({ explanation }) => `"${explanation.title}"`).join(', ');
  const [next] = left;
  const { code, message, retry, runbook } = problemJson(
    new Problem(APPROVAL_NEEDED, `Cannot go on with ${titles}: it was not approved`),
  );
  const command = next?.explanation.command ?? '';
  const approval = command.includes('--yes') ? '' : ' --yes --reason "…"';
  const hint = `Do it with \`${command}${approval}\`.`;
  return { code, message, hint, retry, runbook };
}
