/**
 * A process of its own that asks, approves and performs, and dies by SIGKILL at the moment it is told:
 * `gate-child.ts <catalogue> <verb> <moment or run>`. Waits for a line on standard input before it
 * begins, so that several begin at once; answers one line of JSON.
 */
import { once } from 'node:events';
import { dirname } from 'node:path';

import { isRunId } from '../../src/kernel/ids.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { type Moment, markOperation } from './mark-operation.ts';
import { BEN, CARL, SIGNAL, slackActor, type ToyGate, toyGate } from './toy-gate.ts';

const [, , path = '', verb = '', argument = ''] = process.argv;

function dieAt(moment: Moment): void {
  if (argument === moment) process.kill(process.pid, 'SIGKILL');
}

async function live(at: ToyGate): Promise<unknown> {
  const run = await at.row('repair', { actor: CARL });
  dieAt('asked');
  const { planHash, runId } = run;
  const approving = { runId, decision: 'approve', actor: BEN, planHash, signal: SIGNAL } as const;
  await at.gate.decide(approving);
  dieAt('approved');
  await at.gate.perform(runId, { signal: SIGNAL });
  dieAt('ended');
  return runId;
}

async function performOnce(at: ToyGate): Promise<unknown> {
  if (!isRunId(argument)) throw new TypeError(`Not a run id: "${argument}"`);
  const actor = slackActor(process.pid % 2 === 0 ? 'U0ANA' : 'U0BEN');
  const run = await at.gate.find(argument);
  const planHash = run?.planHash ?? '';
  const decided = await at.gate.decide({
    runId: argument,
    decision: 'approve',
    actor,
    planHash,
    signal: SIGNAL,
  });
  try {
    const ended = await at.gate.perform(argument, { signal: SIGNAL });
    return { decided: decided.outcome, performed: ended.state };
  } catch (error) {
    if (!isProblem(error)) throw error;
    return { decided: decided.outcome, performed: error.kind.code };
  }
}

const options = { folder: dirname(path), at: dieAt };
await using toy = await toyGate({ path, operations: [markOperation('repair', 'high', options)] });
const { runs } = toy.catalog;
const deps = {
  ...toy.deps,
  catalog: {
    ...toy.catalog,
    runs: {
      ...runs,
      async claim(claiming: Parameters<typeof runs.claim>[0]) {
        const claimed = await runs.claim(claiming);
        dieAt('claimed');
        return claimed;
      },
      end(ending: Parameters<typeof runs.end>[0]) {
        dieAt('before the end');
        return runs.end(ending);
      },
    },
  },
};
await using at = await toyGate({ path, operations: [], change: deps });
process.stdout.write('"ready"\n');
await once(process.stdin, 'data');
process.stdin.pause();
const answer = verb === 'live' ? await live(at) : await performOnce(at);
process.stdout.write(`${JSON.stringify(answer)}\n`);
