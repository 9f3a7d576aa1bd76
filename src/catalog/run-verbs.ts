/**
 * The verbs on runs. Each change is one guarded transaction together with its event and its journal
 * entry: of two that try the same change one wins, and the other is told `undefined` and reads why.
 * A run that ends in anything but `done` takes its follow-ups with it (they end `cancelled`).
 */
import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import type { RunEvent, RunEventKind, RunRecord, RunState } from './runs.ts';

/** A run as it is asked for. */
export type NewRun = Pick<
  RunRecord,
  | 'runId'
  | 'operation'
  | 'server'
  | 'danger'
  | 'input'
  | 'plan'
  | 'planHash'
  | 'outlook'
  | 'asker'
  | 'audience'
  | 'after'
  | 'performer'
  | 'askedAt'
  | 'expiresAt'
> & { readonly state: 'waiting' | 'approved' };

export interface Created {
  /** The first and its follow-ups, parents before children. */
  readonly runs: readonly RunRecord[];
  /** True: the same `onceKey` was asked before, and these are the runs of that time. */
  readonly again: boolean;
}

/** Who decides, when. `actor` is plain JSON; `deciderId` is unique for each person. */
export interface Deciding {
  readonly runId: RunId;
  readonly deciderId: string;
  readonly actor: Json;
  readonly at: string;
  readonly reason: string | null;
}

export interface Approving extends Deciding {
  readonly planHash: string;
  /** How many different people must have approved. */
  readonly needed: number;
  /** The approval itself ends then, unless the run waits for its parent. */
  readonly expiresAt: string | null;
}

export interface Claiming {
  readonly runId: RunId;
  /** Which process performs it. */
  readonly holder: string;
  readonly at: string;
  /** The lease `run:<runId>` is taken in the same transaction. */
  readonly leaseUntil: string;
}

export interface Ending {
  readonly runId: RunId;
  readonly state: 'done' | 'failed' | 'cancelled' | 'interrupted';
  readonly at: string;
  readonly result: Json;
  readonly problem: Json;
  /** Only this process may end it. */
  readonly holder: string;
  /** Waiting follow-ups may be decided on until then, counted from now. */
  readonly followUpsExpireAt?: string;
}

export interface RunListOptions {
  readonly server?: string;
  readonly operation?: string;
  readonly states?: readonly RunState[];
  readonly limit: number;
}

/** A run that is being performed, and by whom. */
export interface HeldRun {
  readonly run: RunRecord;
  readonly holder: string;
  /** The lease's end; null when nobody holds it. */
  readonly leaseUntil: string | null;
}

export interface RunVerbs {
  /** All runs or none; an event and a journal entry for each. */
  create(runs: readonly NewRun[], options: { readonly onceKey?: string }): Promise<Created>;
  find(runId: RunId): Promise<RunRecord | undefined>;
  findOnce(onceKey: string): Promise<readonly RunRecord[]>;
  /** Newest first. */
  list(options: RunListOptions): Promise<readonly RunRecord[]>;
  /** Approved, not expired, its parent done, for any `serve`: oldest first. */
  startable(now: string, limit: number): Promise<readonly RunRecord[]>;
  held(): Promise<readonly HeldRun[]>;
  /** Not started, and only one process may start it. */
  promised(): Promise<readonly RunRecord[]>;

  /** Undefined: not waiting, another plan, expired, or this person has approved before. */
  approve(approving: Approving): Promise<RunRecord | undefined>;
  /** Undefined: not waiting. */
  refuse(deciding: Deciding): Promise<RunRecord | undefined>;
  /** Ends what has not started. Undefined: it has. */
  withdraw(deciding: Deciding): Promise<RunRecord | undefined>;
  /** Asks a running run to stop. Undefined: not running, or asked before. */
  askCancel(deciding: Deciding): Promise<RunRecord | undefined>;
  /** Ends every run whose time to start is over; a run whose parent still works has time. */
  expire(now: string): Promise<readonly RunRecord[]>;
  /** Undefined: not approved, expired, its parent not done, or another process's. */
  claim(claiming: Claiming): Promise<RunRecord | undefined>;
  /** Undefined: `holder` does not perform it (any more). */
  end(ending: Ending): Promise<RunRecord | undefined>;
  isCancelAsked(runId: RunId): Promise<boolean>;

  addEvent(event: {
    readonly runId: RunId;
    readonly at: string;
    readonly kind: RunEventKind;
    readonly data: Json;
  }): Promise<void>;
  /** Oldest first. */
  eventsAfter(seq: number, limit: number): Promise<readonly RunEvent[]>;
  eventsOf(runId: RunId): Promise<readonly RunEvent[]>;
  /** The newest event's number; 0 when there is none. */
  newestSeq(): Promise<number>;
  /** Resolves when there are events after `seq`, written here or by another process. */
  waitForEvents(seq: number, options: { readonly signal: AbortSignal }): Promise<void>;
}
