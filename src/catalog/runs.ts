/** Runs and their events: one asking of an operation, from waiting to its end. Record and verbs. */
import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';

export const RUN_STATES = [
  'waiting',
  'approved',
  'running',
  'done',
  'failed',
  'cancelled',
  'interrupted',
  'refused',
  'expired',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export function isEnded(state: RunState): boolean {
  return state !== 'waiting' && state !== 'approved' && state !== 'running';
}

/** Plain JSON; moments are RFC 3339 in UTC with six digits. */
export interface RunRecord {
  readonly runId: RunId;
  readonly operation: string;
  readonly server: string | null;
  readonly state: RunState;
  readonly danger: 'low' | 'high';
  readonly input: Json;
  readonly plan: Json;
  readonly planHash: string;
  readonly outlook: Json;
  readonly asker: Json;
  /** Who decided what and when: `{ actor, decision, at, reason }[]`. */
  readonly deciders: Json;
  readonly audience: string | null;
  /** It starts only after this run is done. */
  readonly after: RunId | null;
  /** Null: any `serve` may perform it; else the process that asked. */
  readonly performer: string | null;
  readonly askedAt: string;
  readonly expiresAt: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly result: Json;
  /** `{ code, message, hint, retry, runbook }` when it failed. */
  readonly problem: Json;
  readonly cancelAsked: boolean;
}

export type RunEventKind =
  | 'asked'
  | 'approved'
  | 'refused'
  | 'expired'
  | 'started'
  | 'step began'
  | 'step ended'
  | 'progress'
  | 'cancel asked'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'interrupted'
  /** After the end: what the pager was told of it, and whether it took it. */
  | 'paged';

export interface RunEvent {
  /** Grows over all runs: what a follower's cursor counts. */
  readonly seq: number;
  readonly runId: RunId;
  readonly at: string;
  readonly kind: RunEventKind;
  /** `step ended`: `{ title, seconds, outcome }`; `progress`: `{ title, doneBytes, totalBytes, note }`; … */
  readonly data: Json;
}
