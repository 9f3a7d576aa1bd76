/** What the gate itself offers: `runs`, `cancel`, `journal`. All answer at once, without a row. */
import { z } from 'zod';

import type { RunVerbs } from '../catalog/run-verbs.ts';
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { Json } from '../kernel/codecs.ts';
import { isRunId, type RunId } from '../kernel/ids.ts';
import { Problem } from '../kernel/problem.ts';
import type { Gate } from './gate.ts';
import type { AnyOperation, Explanation, Operation } from './operation.ts';
import { memberOf } from './plain-json.ts';
import { RUN_UNKNOWN } from './problems.ts';

/** What the gate needs of the journal: `journal/` has it. */
export interface JournalReader {
  newest(limit: number): Promise<readonly JournalLine[]>;
  verify(): Promise<
    | { readonly outcome: 'holds'; readonly entries: number; readonly headHash: string }
    | {
        readonly outcome: 'broken';
        readonly entries: number;
        readonly seq: number;
        readonly why: string;
      }
  >;
}

interface JournalLine {
  readonly seq: number;
  readonly at: string;
  readonly what: string;
  readonly actor: Json;
  readonly runId: string | null;
  readonly data: Json;
}

export interface OwnDeps {
  /** Late, because the gate is made from operations. */
  readonly gate: () => Pick<Gate, 'decide'>;
  readonly runs: Pick<RunVerbs, 'list' | 'find' | 'eventsOf'>;
  readonly journal: JournalReader;
}

const LIST_LIMIT = 20;
const PLAIN = z.json();

export function ownOperations(deps: OwnDeps): readonly AnyOperation[] {
  return [runsOperation(deps), cancelOperation(deps), journalOperation(deps)];
}

const RunsInput = z.strictObject({
  server: z.string().optional().describe('Only runs of this server'),
  run: z.string().optional().describe('Only this run'),
});

function runsOperation(deps: OwnDeps): Operation<z.infer<typeof RunsInput>> {
  return {
    name: 'runs',
    summary: 'Who asked for what, who approved it, how it ended',
    words: {
      positional: ['server'],
      describe: { server: 'Only runs of this server', run: 'Only this run' },
      examples: ['runs', 'runs shop'],
    },
    input: RunsInput,
    plan: PLAIN,
    result: PLAIN,
    prepare: (input) => Promise.resolve({ plan: { ...input } }),
    danger: () => 'none',
    locks: () => [],
    explain: () => explanation('List the runs', 'runs'),
    recheck: () => Promise.resolve(),
    async run(plan) {
      const wanted = memberOf(plan, 'run');
      const runs =
        typeof wanted === 'string'
          ? [await requireRun(deps, wanted)]
          : await deps.runs.list({ limit: LIST_LIMIT, ...serverOption(plan) });
      return { runs: await Promise.all(runs.map((run) => describeRun(deps, run))) };
    },
  };
}

function serverOption(plan: Json): { readonly server?: string } {
  const server = memberOf(plan, 'server');
  return typeof server === 'string' ? { server } : {};
}

async function describeRun(deps: OwnDeps, run: RunRecord): Promise<Json> {
  const { runId, operation, server, state, danger, asker, deciders, after } = run;
  const { askedAt, expiresAt, startedAt, endedAt, result, problem } = run;
  const steps = (await deps.runs.eventsOf(runId)).filter(isStepEnd).map((event) => event.data);
  return {
    runId,
    operation,
    server,
    state,
    danger,
    asker,
    deciders,
    after,
    askedAt,
    expiresAt,
    startedAt,
    endedAt,
    steps,
    result,
    problem,
  };
}

function isStepEnd(event: RunEvent): boolean {
  return event.kind === 'step ended';
}

/** @throws Problem GATE_RUN_UNKNOWN */
async function requireRun(deps: OwnDeps, text: string): Promise<RunRecord> {
  const run = isRunId(text) ? await deps.runs.find(text) : undefined;
  if (run !== undefined) return run;
  throw new Problem(RUN_UNKNOWN, `Cannot find the run "${text}": there is none of that name`);
}

const CancelInput = z.strictObject({
  run: z.string().describe('The run to stop'),
  reason: z.string().optional().describe('Why, for the journal'),
});

/**
 * No row of its own: it would wait behind the runs that it should stop. The journal has it as a
 * decision, and `decide` says who may.
 */
function cancelOperation(deps: OwnDeps): Operation<z.infer<typeof CancelInput>> {
  return {
    name: 'cancel',
    summary: 'Stop a run that waits or runs',
    words: {
      positional: ['run'],
      describe: { run: 'The run to stop', reason: 'Why, for the journal' },
      examples: ['cancel r-20261122T144600-3fa9c1'],
    },
    input: CancelInput,
    plan: PLAIN,
    result: PLAIN,
    prepare: async (input) => ({
      plan: { ...input, run: (await requireRun(deps, input.run)).runId },
    }),
    danger: () => 'none',
    locks: () => [],
    explain: (plan) => explanation('Stop a run', `cancel ${readRunId(memberOf(plan, 'run'))}`),
    recheck: () => Promise.resolve(),
    async run(plan, { actor, signal }) {
      const runId = readRunId(memberOf(plan, 'run'));
      const reason = memberOf(plan, 'reason');
      const decided = await deps.gate().decide({
        runId,
        decision: 'cancel',
        actor,
        signal,
        ...(typeof reason === 'string' ? { reason } : {}),
      });
      if (decided.outcome === 'decided')
        return { runId, state: decided.run.state, cancelAsked: decided.run.cancelAsked };
      throw new Problem(
        { code: decided.code, retry: 'never', hint: 'Look at it with `runs`.', fault: 'refused' },
        `Cannot cancel the run "${runId}": ${decided.why}`,
      );
    },
  };
}

function readRunId(value: Json | undefined): RunId {
  if (typeof value === 'string' && isRunId(value)) return value;
  throw new TypeError(`Not a run id: ${JSON.stringify(value)}`);
}

const JournalInput = z.strictObject({
  verify: z.boolean().default(false).describe('Check the chain of hashes'),
});

function journalOperation(deps: OwnDeps): Operation<z.infer<typeof JournalInput>> {
  return {
    name: 'journal',
    summary: 'Who did what; with --verify, whether anybody changed it since',
    words: {
      positional: [],
      describe: { verify: 'Check the chain of hashes' },
      examples: ['journal', 'journal --verify'],
    },
    input: JournalInput,
    plan: PLAIN,
    result: PLAIN,
    prepare: (input) => Promise.resolve({ plan: { ...input } }),
    danger: () => 'none',
    locks: () => [],
    explain: () => explanation('Read the journal', 'journal'),
    recheck: () => Promise.resolve(),
    async run(plan) {
      const entries = (await deps.journal.newest(LIST_LIMIT)).map(
        ({ seq, at, what, actor, runId, data }) => ({ seq, at, what, actor, runId, data }),
      );
      if (memberOf(plan, 'verify') !== true) return { entries };
      const chain = await deps.journal.verify();
      if (chain.outcome === 'holds')
        return { entries, chain: { holds: true, count: chain.entries, headHash: chain.headHash } };
      const { seq, why } = chain;
      return { entries, chain: { holds: false, count: chain.entries, firstBroken: { seq, why } } };
    },
    exitCode: (result) => {
      const chain = memberOf(result, 'chain');
      return chain !== undefined && memberOf(chain, 'holds') === false ? 1 : 0;
    },
  };
}

function explanation(title: string, command: string): Explanation {
  return { title, facts: [], warnings: [], approveLabel: title, command: `npx dbdr ${command}` };
}
