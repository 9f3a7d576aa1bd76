/**
 * An operation asked for at a terminal: ask, approve where that was typed, perform here, follow-ups
 * after their parent. What has an effect on production needs `--yes --reason`; without them it is shown
 * and withdrawn, so that nothing waits for a terminal that is gone.
 */

import type { RunRecord } from '../catalog/runs.ts';
import { exitCodeOfRun } from '../gate/exit-code.ts';
import type { AskedRun, Gate } from '../gate/gate.ts';
import type { Explanation } from '../gate/operation.ts';
import type { Actor } from '../gate/people.ts';
import { REASON_MISSING } from '../gate/problems.ts';
import type { Json } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import type { Answer } from './answer.ts';
import type { OpenHouse } from './house.ts';
import { APPROVAL_NEEDED } from './problems.ts';
import { followProgress } from './progress.ts';
import { approvalMissing, notApproved, runAnswer } from './run-answer.ts';
import type { Terminal } from './terminal.ts';
import { factLines, isObject, type Reader } from './text.ts';
import { viewOf } from './views.ts';

export interface Asking {
  readonly operation: string;
  readonly input: { readonly [key: string]: unknown };
  readonly isPlan: boolean;
  readonly isYes: boolean;
  readonly reason: string | undefined;
}

export interface OperationCommand {
  readonly house: OpenHouse;
  readonly actor: Actor;
  readonly reader: Reader;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** @throws Problem when the words make no sense, or it may not be asked for. */
export async function askAtTerminal(command: OperationCommand, asking: Asking): Promise<Answer> {
  const { house, actor, reader, signal } = command;
  const { operation, input } = asking;
  if (asking.isYes && (asking.reason ?? '').trim() === '')
    throw new Problem(REASON_MISSING, `Cannot approve "${operation}": no reason was given`);
  const request = { operation, input, actor, signal, performer: 'this process' } as const;
  if (asking.isPlan) return planAnswer(await house.gate.plan(request));
  const cursor = await house.newestSeq();
  const asked = await house.gate.ask(request);
  if (asked.outcome === 'answered') {
    const { result, exitCode } = asked;
    return { json: result, text: viewOf(operation, result, reader), exitCode };
  }
  return performAll(command, { asking, runs: asked.runs, cursor });
}

function planAnswer({ plan, outlook, explanation }: Awaited<ReturnType<Gate['plan']>>): Answer {
  const { title, warnings, command } = explanation;
  const json = {
    ...(isObject(outlook) ? outlook : {}),
    ...(isObject(plan) ? plan : {}),
    title,
    warnings,
    command,
    plan,
    outlook: outlook ?? null,
  };
  return { json, text: explanationText(explanation), exitCode: 0 };
}

function explanationText({ title, facts, warnings }: Explanation): string {
  return [title, ...factLines(facts), ...warnings.map((warning) => `Warning   ${warning}`)].join(
    '\n',
  );
}

interface Performing {
  readonly asking: Asking;
  readonly runs: readonly AskedRun[];
  readonly cursor: number;
}

async function performAll(command: OperationCommand, performing: Performing): Promise<Answer> {
  const { runs, asking, cursor } = performing;
  const [first] = runs;
  if (first === undefined) throw new TypeError('A run was asked for, and there is none');
  for (const { explanation } of runs) command.terminal.err(`${explanationText(explanation)}\n`);
  const isOpen = await decideAll(command, performing);
  if (isOpen && first.needsApproval) {
    await withdraw(
      command,
      runs.filter(({ needsApproval }) => needsApproval),
    );
    throw new Problem(
      APPROVAL_NEEDED,
      `Cannot start "${asking.operation}": it has an effect on production and was not approved`,
    );
  }

  const startable = runs.filter(({ needsApproval }) => !(needsApproval && isOpen));
  const ended = await performFresh(command, startable, cursor).catch(async (error: unknown) => {
    // Interrupted before they began: nobody else may start them, so they must not look as if they waited.
    await withdraw(command, runs);
    throw error;
  });
  if (isOpen)
    await withdraw(
      command,
      runs.filter(({ needsApproval }) => needsApproval),
    );
  return conclude(command, { ended, left: isOpen ? runs.slice(ended.length) : [] });
}

async function performFresh(
  command: OperationCommand,
  runs: readonly AskedRun[],
  cursor: number,
): Promise<readonly RunRecord[]> {
  // A process that died may still hold what these runs need.
  await command.house.recover({ signal: command.signal });
  return performInOrder(command, runs, cursor);
}

/** Each after its parent; the first that is not done ends it. */
async function performInOrder(
  { house, terminal, signal }: OperationCommand,
  runs: readonly AskedRun[],
  cursor: number,
): Promise<readonly RunRecord[]> {
  const runIds = runs.map(({ run }) => run.runId);
  const progress = followProgress({ gate: house.gate, terminal, runIds, cursor });
  const ended: RunRecord[] = [];
  try {
    for (const runId of runIds) {
      const end = await house.gate.perform(runId, { signal });
      ended.push(end);
      if (end.state !== 'done') break;
    }
  } finally {
    await progress[Symbol.asyncDispose]();
  }
  return ended;
}

/** True: something needs an approval that was not typed. @throws Problem when it was, and is refused. */
async function decideAll(
  { house, actor, signal }: OperationCommand,
  { asking, runs }: Performing,
): Promise<boolean> {
  const waiting = runs.filter(({ needsApproval }) => needsApproval);
  const { reason } = asking;
  if (!asking.isYes || reason === undefined) return waiting.length > 0;
  for (const { run } of waiting) {
    const decided = await house.gate.decide({
      runId: run.runId,
      decision: 'approve',
      actor,
      planHash: run.planHash,
      reason,
      signal,
    });
    if (decided.outcome === 'not decided') throw notApproved(run, decided.why);
  }
  return false;
}

async function withdraw(
  { house, actor }: OperationCommand,
  runs: readonly AskedRun[],
): Promise<void> {
  for (const { run } of runs) {
    await house.gate.decide({
      runId: run.runId,
      decision: 'withdraw',
      actor,
      // Also when we were interrupted: nothing must wait for a terminal that is gone.
      signal: new AbortController().signal,
    });
  }
}

interface Concluding {
  readonly ended: readonly RunRecord[];
  readonly left: readonly AskedRun[];
}

async function conclude(
  { house, reader }: OperationCommand,
  { ended, left }: Concluding,
): Promise<Answer> {
  const told = await Promise.all(
    ended.map(async (run) => ({ run, events: await house.eventsOf(run.runId) })),
  );
  const answer = runAnswer(told, reader);
  const codes = ended.map((run) => exitCodeOfRun(run, house.registry.find(run.operation)));
  const exitCode = codes.find((code) => code !== 0) ?? 0;
  if (answer.problem !== undefined || left.length === 0) return { ...answer, exitCode };
  const problem = approvalMissing(left);
  const json: Json = isObject(answer.json) ? { ...answer.json, problem: { ...problem } } : null;
  return { ...answer, json, problem, exitCode: 3 };
}
