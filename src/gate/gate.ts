/**
 * The one gate: ask, decide, perform. Every caller uses these verbs and no others; followers read
 * what happened from run events, each from its own cursor.
 */

import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Explanation } from './operation.ts';
import type { Actor } from './people.ts';

export interface AskRequest {
  readonly operation: string;
  /** Words as typed; the operation's schema reads them. */
  readonly input: { readonly [key: string]: unknown };
  readonly actor: Actor;
  readonly signal: AbortSignal;
  /** Where followers should speak of it: opaque to the gate, kept in the run (`slack:C0OPS`). */
  readonly audience?: string;
  /** Asking twice with the same key answers the first run (a schedule's due moment, a Slack trigger). */
  readonly onceKey?: string;
  /** `serve` performs it, or this process alone does (a terminal). */
  readonly performer: 'any' | 'this process';
}

export type Asked =
  /** Danger `none`: it was done at once. */
  | { readonly outcome: 'answered'; readonly result: Json; readonly exitCode: number }
  /** A row was written; follow-ups come after their parent. */
  | { readonly outcome: 'run'; readonly runs: readonly AskedRun[]; readonly again: boolean };

export interface AskedRun {
  readonly run: RunRecord;
  readonly explanation: Explanation;
  readonly needsApproval: boolean;
}

export type Decision = 'approve' | 'refuse' | 'withdraw' | 'cancel';

export interface DecideRequest {
  readonly runId: RunId;
  readonly decision: Decision;
  readonly actor: Actor;
  /** The plan the person saw; another hash is refused. Not needed to withdraw or cancel. */
  readonly planHash?: string;
  readonly reason?: string;
  readonly signal: AbortSignal;
}

/** Every click gets an answer: what was decided, or why not, in one sentence. */
export type Decided =
  | { readonly outcome: 'decided'; readonly run: RunRecord }
  | {
      readonly outcome: 'not decided';
      readonly run: RunRecord;
      readonly why: string;
      readonly code: string;
    };

export interface Gate {
  /** @throws Problem when the words make no sense or the actor may not ask. */
  ask(request: AskRequest): Promise<Asked>;
  /** Only looks: the plan and its explanation, nothing is written. For `--plan`. */
  plan(
    request: AskRequest,
  ): Promise<{ readonly plan: Json; readonly outlook?: Json; readonly explanation: Explanation }>;
  /** @throws Problem GATE_RUN_UNKNOWN */
  decide(request: DecideRequest): Promise<Decided>;
  /** Claims and performs one run to its end. Answers the ended row. @throws Problem when it cannot be claimed. */
  perform(runId: RunId, options: { readonly signal: AbortSignal }): Promise<RunRecord>;
  /** The run's plan as a human reads it, from the stored row. */
  explain(run: RunRecord): Explanation;
  find(runId: RunId): Promise<RunRecord | undefined>;
  /** Events after `cursor`, oldest first, at most `limit`. */
  eventsAfter(cursor: number, limit: number): Promise<readonly RunEvent[]>;
  /** Resolves when there may be events after `cursor` (this process or another wrote some), or aborts. */
  waitForEvents(cursor: number, options: { readonly signal: AbortSignal }): Promise<void>;
}
