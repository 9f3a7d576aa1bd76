/**
 * What one run's message is made from: the row, its plan in words, its steps as far as they are, and
 * the same of the run that waits for it. Pure: reads rows and events, never asks anybody.
 */
import { z } from 'zod';

import { Paged } from '../alerts/paged.ts';
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { Explanation } from '../gate/operation.ts';
import { type ProgressPoint, recentPoints } from '../kernel/pace.ts';

export interface StepView {
  readonly title: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly beganAt: string;
  readonly seconds?: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly note?: string;
  /** What was told of its bytes lately. */
  readonly points?: readonly ProgressPoint[];
}

export interface RunView {
  readonly run: RunRecord;
  readonly explanation: Explanation;
  readonly steps: readonly StepView[];
  /** What became of the page for it; undefined: nobody was to be paged. */
  readonly paged?: Paged | undefined;
  /** Of its message; undefined: it is not posted yet. */
  readonly link?: string | undefined;
  /** What waits for this run to be done, such as bringing the tables back. */
  readonly followUps: readonly RunView[];
}

/** Everything a message may use besides the runs themselves. */
export interface Surroundings {
  readonly now: Temporal.Instant;
  /** Slack user ids that may decide. */
  readonly approvers: readonly string[];
  /** How many of them must. */
  readonly needed: number;
  readonly selfAllowed: boolean;
}

const StepData = z.looseObject({
  title: z.string(),
  seconds: z.number().optional().catch(undefined),
  outcome: z.string().optional().catch(undefined),
  doneBytes: z.number().optional().catch(undefined),
  totalBytes: z.number().optional().catch(undefined),
  note: z.string().optional().catch(undefined),
});
type StepData = z.infer<typeof StepData>;

/** Steps in the order they began. */
export function readSteps(events: readonly RunEvent[]): readonly StepView[] {
  const steps = new Map<string, StepView>();
  for (const event of events) {
    const data = StepData.safeParse(event.data);
    if (data.success) steps.set(data.data.title, nextStep(steps, event, data.data));
  }
  return [...steps.values()];
}

function nextStep(steps: ReadonlyMap<string, StepView>, event: RunEvent, data: StepData): StepView {
  const before = steps.get(data.title);
  const step: StepView = before ?? { title: data.title, state: 'running', beganAt: event.at };
  if (event.kind === 'step began') return { ...step, state: 'running', beganAt: event.at };
  if (event.kind === 'step ended')
    return {
      ...step,
      state: data.outcome === undefined || data.outcome === 'done' ? 'done' : 'failed',
      ...(data.seconds === undefined ? {} : { seconds: data.seconds }),
      ...(data.note === undefined ? {} : { note: data.note }),
    };
  return {
    ...step,
    ...withPoint(step, event, data),
    ...(data.doneBytes === undefined ? {} : { doneBytes: data.doneBytes }),
    ...(data.totalBytes === undefined ? {} : { totalBytes: data.totalBytes }),
    ...(data.note === undefined ? {} : { note: data.note }),
  };
}

function withPoint(
  { points = [] }: StepView,
  { at }: RunEvent,
  { doneBytes, totalBytes }: StepData,
): Pick<StepView, 'points'> {
  if (doneBytes === undefined) return {};
  const { epochMilliseconds: atMs } = Temporal.Instant.from(at);
  return { points: recentPoints(points, { atMs, doneBytes, totalBytes }) };
}

/** A page that was taken stays taken, whatever was written beside it meanwhile. */
export function readPaged(events: readonly RunEvent[]): Paged | undefined {
  const told = events.flatMap(({ kind, data }) =>
    kind === 'paged' ? (Paged.safeParse(data).data ?? []) : [],
  );
  return told.findLast(({ outcome }) => outcome === 'accepted') ?? told.at(-1);
}

const ActorData = z.looseObject({ kind: z.string(), id: z.string(), name: z.string() });

const DeciderData = z.looseObject({
  actor: ActorData,
  decision: z.string(),
  at: z.string(),
  reason: z.string().nullish(),
});
export type Decider = z.infer<typeof DeciderData>;

export function readDeciders(run: RunRecord): readonly Decider[] {
  return z.array(DeciderData).catch([]).parse(run.deciders);
}

export interface Who {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
}

export function readAsker(run: RunRecord): Who {
  return ActorData.catch({ kind: 'schedule', id: 'unknown', name: 'somebody' }).parse(run.asker);
}
