/**
 * The walk through a bad day as a state machine: what is known, what each step has come to, what the
 * stakeholders were told. Pure: a state and an action in, the next state and one sentence out. Promises:
 * a step that is over stays over, a step is never under way twice, a closed incident does not move.
 */
import { z } from 'zod';

import { RunbookStep } from '../runbooks/runbook.ts';

/** Of a person or the clock, as events keep it. */
export const Who = z.object({ kind: z.string(), id: z.string(), name: z.string() });
export type Who = z.infer<typeof Who>;

/** A proof that failed, and the copy that it was of. */
export const FailedProof = z.object({ runId: z.string(), backupId: z.string(), store: z.string() });
export type FailedProof = z.infer<typeof FailedProof>;

const STEP_STATES = ['waiting', 'asked', 'done', 'ticked', 'skipped'] as const;

const WalkStep = z.strictObject({
  /** The page as it was when the incident was opened: editing it moves nobody's floor. */
  page: RunbookStep,
  state: z.enum(STEP_STATES),
  /** Grows with each asking: two clicks on one attempt are one run. */
  attempt: z.number().int(),
  /** The runs of this attempt that have not ended, and all that belong to it. */
  runIds: z.array(z.string()),
  openRunIds: z.array(z.string()),
  note: z.string().nullable(),
  by: Who.nullable(),
  at: z.string().nullable(),
});
export type WalkStep = z.infer<typeof WalkStep>;

export const WalkState = z.strictObject({
  title: z.string(),
  /** The last moment when all was well, RFC 3339 UTC; null: nobody knows yet. */
  moment: z.string().nullable(),
  tables: z.array(z.string()),
  note: z.string().nullable(),
  /** What it is about, where a backup is damaged. */
  proof: FailedProof.nullable().default(null),
  lead: Who,
  inputs: z.record(z.string(), z.strictObject({ about: z.string(), optional: z.boolean() })),
  steps: z.array(WalkStep),
  updates: z.strictObject({
    count: z.number().int(),
    lastAt: z.string().nullable(),
    nextDueAt: z.string().nullable(),
  }),
  closed: z.boolean(),
});
export type WalkState = z.infer<typeof WalkState>;

export type WalkAction = { readonly by: Who; readonly at: string } & (
  | { readonly kind: 'asked'; readonly stepId: string; readonly runIds: readonly string[] }
  /** An operation of danger `none` was answered at once. */
  | { readonly kind: 'answered'; readonly stepId: string }
  | {
      readonly kind: 'run ended';
      readonly runId: string;
      readonly outcome: 'done' | 'not done';
      /** Past tense, for the step's note: `failed: …`. */
      readonly said: string;
    }
  | { readonly kind: 'ticked'; readonly stepId: string }
  | { readonly kind: 'skipped'; readonly stepId: string }
  | {
      readonly kind: 'learned';
      readonly moment?: string;
      readonly tables?: readonly string[];
      readonly note?: string;
    }
  | { readonly kind: 'handed over'; readonly to: Who }
  | { readonly kind: 'stakeholders told'; readonly nextDueAt: string | null }
  | { readonly kind: 'closed' }
);

export type Walked =
  | { readonly outcome: 'moved'; readonly state: WalkState; readonly said: string }
  /** Nothing to do; why, in one sentence. */
  | { readonly outcome: 'stayed'; readonly why: string };

export function walk(state: WalkState, action: WalkAction): Walked {
  if (state.closed) return stay('The incident is closed.');
  switch (action.kind) {
    case 'asked':
    case 'answered':
    case 'ticked':
    case 'skipped':
      return moveStep(state, action);
    case 'run ended':
      return endRun(state, action);
    case 'learned':
      return learn(state, action);
    case 'handed over':
      return handOver(state, action);
    case 'stakeholders told':
      return tell(state, action);
    case 'closed':
      return move({ ...state, closed: true }, `${action.by.name} closed the incident`);
    default:
      throw new TypeError(`Unreachable action: ${JSON.stringify(action satisfies never)}`);
  }
}

export function isOver({ state }: Pick<WalkStep, 'state'>): boolean {
  return state === 'done' || state === 'ticked' || state === 'skipped';
}

/** The step that is due: the first that is not over. */
export function dueStep(state: WalkState): WalkStep | undefined {
  return state.steps.find((step) => !isOver(step));
}

type Action<K extends WalkAction['kind']> = Extract<WalkAction, { readonly kind: K }>;

function moveStep(
  state: WalkState,
  action: Action<'asked' | 'answered' | 'ticked' | 'skipped'>,
): Walked {
  const step = state.steps.find(({ page }) => page.id === action.stepId);
  if (step === undefined) return stay(`There is no step "${action.stepId}".`);
  const { title } = step.page;
  if (isOver(step)) return stay(`"${title}" is ${step.state} already.`);
  const stamp = { by: action.by, at: action.at };
  if (step.state === 'asked') {
    const isSkip = action.kind === 'skipped';
    if (!isSkip) return stay(`"${title}" is under way: ${step.runIds.join(', ')}.`);
  }
  switch (action.kind) {
    case 'asked': {
      const runIds = [...action.runIds];
      const next = { ...step, ...stamp, runIds, openRunIds: runIds, note: null };
      const said = `${action.by.name} started "${title}" as ${runIds[0] ?? 'a run'}`;
      return moveTo(state, { ...next, state: 'asked', attempt: step.attempt + 1 }, said);
    }
    case 'answered':
      return moveTo(
        state,
        { ...step, ...stamp, state: 'done' },
        `${action.by.name} did "${title}"`,
      );
    case 'ticked':
      return moveTo(
        state,
        { ...step, ...stamp, state: 'ticked' },
        `${action.by.name} did "${title}"`,
      );
    case 'skipped': {
      const said = `${action.by.name} skipped "${title}"`;
      return moveTo(state, { ...step, ...stamp, openRunIds: [], state: 'skipped' }, said);
    }
    default:
      throw new TypeError(`Unreachable action: ${JSON.stringify(action satisfies never)}`);
  }
}

/** A step is done when all its runs are; when one ends otherwise, it can be started again. */
function endRun(state: WalkState, action: Action<'run ended'>): Walked {
  const step = state.steps.find(({ openRunIds }) => openRunIds.includes(action.runId));
  if (step === undefined || step.state !== 'asked') return stay('No step waits for this run.');
  const openRunIds = step.openRunIds.filter((runId) => runId !== action.runId);
  const said = `"${step.page.title}": ${action.runId} ${action.said}`;
  if (action.outcome === 'not done') {
    const next = { ...step, openRunIds: [], note: `${action.runId} ${action.said}` };
    return moveTo(state, { ...next, state: 'waiting' }, said);
  }
  if (openRunIds.length > 0) return moveTo(state, { ...step, openRunIds }, said);
  return moveTo(state, { ...step, openRunIds, state: 'done', at: action.at }, said);
}

function learn(state: WalkState, { moment, tables, note, by }: Action<'learned'>): Walked {
  const parts = [
    ...(moment === undefined ? [] : [`all was well at ${moment}`]),
    ...(tables === undefined ? [] : [`tables: ${tables.join(', ')}`]),
    ...(note === undefined ? [] : [note]),
  ];
  if (parts.length === 0) return stay('Nothing new was said.');
  const next = {
    ...state,
    moment: moment ?? state.moment,
    tables: tables === undefined ? state.tables : [...tables],
    note: note ?? state.note,
  };
  return move(next, `${by.name} noted: ${parts.join('; ')}`);
}

function handOver(state: WalkState, { by, to }: Action<'handed over'>): Walked {
  if (state.lead.id === to.id) return stay(`${to.name} leads already.`);
  const said =
    by.id === to.id ? `${to.name} took the lead` : `${by.name} handed the lead to ${to.name}`;
  return move({ ...state, lead: to }, said);
}

function tell(state: WalkState, { by, at, nextDueAt }: Action<'stakeholders told'>): Walked {
  const count = state.updates.count + 1;
  const updates = { count, lastAt: at, nextDueAt };
  return move({ ...state, updates }, `${by.name} told the stakeholders (update ${count})`);
}

function moveTo(state: WalkState, step: WalkStep, said: string): Walked {
  const steps = state.steps.map((old) => (old.page.id === step.page.id ? step : old));
  return move({ ...state, steps }, said);
}

function move(state: WalkState, said: string): Walked {
  return { outcome: 'moved', state, said };
}

function stay(why: string): Walked {
  return { outcome: 'stayed', why };
}
