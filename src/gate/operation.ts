/**
 * What a caller can ask for. A capability offers operations; the gate lets them happen; Slack, the
 * terminal, the web and the clock only ever talk to the gate.
 */
import type { z } from 'zod';

import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Actor } from './people.ts';

/**
 * `none`: looks only; no row, no lease. `low`: harms nobody; an operator may. `high`: has an effect
 * on production or deletes; somebody else must approve.
 */
export type Danger = 'none' | 'low' | 'high';

/** How words become input: the same in Slack and at a terminal. */
export interface Words {
  /** Names of input fields that are given by position, in order. */
  readonly positional: readonly string[];
  /** One line for each input field, for help and forms. */
  readonly describe: Readonly<Record<string, string>>;
  /** Example command lines without prefix: `restore shop --to 14:46 --tables orders`. */
  readonly examples: readonly string[];
}

/** What a human reads before anything happens, and what the journal keeps. */
export interface Explanation {
  /** `Restore orders of shop to 14:46:00 UTC`. */
  readonly title: string;
  /** Label and value, in order: `Target`, `Base`, `WAL`, `Reads`, `Writes`, `Forecast`, `Danger`. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly warnings: readonly string[];
  /** For the approving button; names the server: `Approve restore of shop`. */
  readonly approveLabel: string;
  /** The exact terminal command that asks for the same thing, so that it works with Slack down. */
  readonly command: string;
}

export interface AskContext {
  readonly actor: Actor;
  readonly signal: AbortSignal;
  /** The run that asked for this one, when it is a follow-up. */
  readonly after?: RunId;
}

export interface Prepared<P> {
  readonly plan: P;
  /** What may change while waiting (forecast, lag): shown, not hashed. */
  readonly outlook?: Json;
}

/** What a running operation may use. */
export interface Run {
  readonly id: RunId;
  readonly actor: Actor;
  /** Cancel, lost lease, deadline and shutdown all arrive here, with their reason. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Does one named step; its begin, end and seconds become run events. */
  step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T>;
  /** Writes down what could outlive the process, before it is made. Answers its id. */
  claim(resource: ResourceClaim): Promise<string>;
  /** The resource is gone (or handed over): strike it from the sweeper's list. */
  release(claimId: string): Promise<void>;
}

export interface Step {
  readonly signal: AbortSignal;
  /** Shown beside the step; kept at most every second. */
  progress(progress: {
    readonly doneBytes?: number;
    readonly totalBytes?: number;
    readonly note?: string;
  }): void;
}

export interface ResourceClaim {
  /** Which sweeper takes it back: `scratch cluster`, `schema`, `slot`, `backup packs`, `directory`. */
  readonly kind: string;
  /** Everything the sweeper needs. Plain JSON, no secrets. */
  readonly reference: { readonly [key: string]: Json };
}

/** Takes back what a dead run left. Offered by the room that makes such things. */
export interface Sweeper {
  readonly kind: string;
  /** Must be repeatable; resolves when the thing is gone. */
  sweep(
    reference: { readonly [key: string]: Json },
    options: { readonly signal: AbortSignal; readonly log: Log },
  ): Promise<void>;
}

export interface FollowUp {
  readonly operation: string;
  readonly input: { readonly [key: string]: Json };
}

export interface Operation<I = unknown, P extends Json = Json, R extends Json = Json> {
  /** The word people type: `restore`. */
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  readonly words: Words;
  /** Reads and shapes, never resolves. A strict object; every field has `.meta()` or a description. */
  readonly input: z.ZodType<I>;
  readonly plan: z.ZodType<P>;
  readonly result: z.ZodType<R>;

  /** Resolves every word: the absolute moment, the chosen base, the table's identity. @throws Problem */
  prepare(input: I, context: AskContext): Promise<Prepared<P>>;
  danger(plan: P): Danger;
  /** Leases it needs, such as `production:shop`. */
  locks(plan: P): readonly string[];
  explain(plan: P, outlook?: Json): Explanation;
  /** Tests the plan's preconditions again before it starts; never plans anew. @throws Problem */
  recheck(plan: P, context: { readonly signal: AbortSignal }): Promise<void>;
  run(plan: P, run: Run): Promise<R>;
  /** Exit code of a result that is done but not good (verdict FAIL: 1, ERROR: 4). Default 0. */
  exitCode?(result: R): 0 | 1 | 4;
  /** Further runs to ask for in the same breath; each starts only after this one is done. */
  followUps?(input: I, plan: P, runId: RunId): readonly FollowUp[];
  /** How long a run may take. */
  readonly deadlineMs?: number;
}

/** An operation whose types are forgotten, as the registry keeps it. */
// oxlint-disable-next-line typescript/no-explicit-any -- variance: a registry holds operations of every type
export type AnyOperation = Operation<any, any, any>;
