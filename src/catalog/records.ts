/**
 * What the bot remembers besides runs: records and the verbs on them. The store is the truth; every
 * row here can be lost and `rebuild` brings back what matters. Moments are RFC 3339 in UTC, six digits.
 */
import type { Json } from '../kernel/codecs.ts';
import type { BackupId, RunId } from '../kernel/ids.ts';
import type { RunEvent } from './runs.ts';

export interface BackupRecord {
  readonly server: string;
  readonly backupId: BackupId;
  readonly store: string;
  /** A `BackupSummary` as the engine gave it. */
  readonly summary: Json;
  readonly verdict: string | null;
  readonly verifiedAt: string | null;
  readonly verifyRunId: RunId | null;
}

export interface BackupRecords {
  /** Repeatable: the same backup in the same store is one row. */
  record(row: Pick<BackupRecord, 'server' | 'backupId' | 'store' | 'summary'>): Promise<void>;
  /** Oldest first; all servers when `server` is undefined. */
  list(server?: string): Promise<readonly BackupRecord[]>;
  /** Of the copy in that store: what was looked at there says nothing of another's bytes. */
  markVerified(row: {
    readonly server: string;
    readonly backupId: BackupId;
    readonly store: string;
    readonly verdict: string;
    readonly at: string;
    readonly runId: RunId;
  }): Promise<void>;
  /** The store no longer has it. */
  remove(server: string, backupId: BackupId, store: string): Promise<void>;
}

export interface WalProgressRecord {
  readonly server: string;
  readonly store: string;
  readonly systemId: string;
  readonly timeline: number;
  readonly storedLsn: string;
  readonly serverLsn: string;
  /** When everything up to `storedLsn` was known to be all there was, or newer. */
  readonly at: string;
}

export interface WalProgressRecords {
  record(row: WalProgressRecord): Promise<void>;
  find(server: string, store: string): Promise<WalProgressRecord | undefined>;
}

/** A cluster that was restored and lives until its time is up. */
export interface InstanceRecord {
  readonly runId: RunId;
  readonly server: string;
  readonly directory: string;
  /** A libpq URL over the socket folder. */
  readonly url: string;
  readonly why: string;
  readonly since: string;
  readonly expiresAt: string;
  /** What teardown needs (`clusters/` wrote it). */
  readonly cluster: Json;
}

export interface InstanceRecords {
  add(row: InstanceRecord): Promise<void>;
  find(runId: RunId): Promise<InstanceRecord | undefined>;
  list(): Promise<readonly InstanceRecord[]>;
  extend(runId: RunId, expiresAt: string): Promise<void>;
  remove(runId: RunId): Promise<void>;
}

/** Something that could outlive the process, written down before it was made. */
export interface ResourceRecord {
  readonly id: string;
  readonly runId: RunId | null;
  readonly kind: string;
  readonly reference: { readonly [key: string]: Json };
  readonly claimedAt: string;
}

export interface ResourceRecords {
  claim(row: Omit<ResourceRecord, 'id'>): Promise<string>;
  release(id: string): Promise<void>;
  list(): Promise<readonly ResourceRecord[]>;
}

export interface IncidentRecord {
  /** `inc-1122-shop`. */
  readonly id: string;
  readonly server: string;
  /** `rows or a table gone` · `bad change`. */
  readonly scenario: string;
  readonly runbook: string;
  /** Everything the walk has been told and done so far; `incidents/` owns its schema. */
  readonly state: Json;
  /** Grows with each change: a writer names the version it read, so that two writers cannot both win. */
  readonly version: number;
  readonly openedAt: string;
  readonly closedAt: string | null;
}

export interface IncidentEvent {
  readonly seq: number;
  readonly incidentId: string;
  readonly at: string;
  readonly actor: Json;
  /** One sentence, past tense. */
  readonly text: string;
  readonly data: Json;
}

export interface IncidentRecords {
  open(row: Omit<IncidentRecord, 'version' | 'closedAt'>): Promise<IncidentRecord>;
  find(id: string): Promise<IncidentRecord | undefined>;
  list(options: { readonly openOnly: boolean }): Promise<readonly IncidentRecord[]>;
  /** False: somebody else changed it since `version` was read; read again and decide anew. */
  update(
    id: string,
    version: number,
    change: { readonly state: Json; readonly closedAt?: string },
  ): Promise<boolean>;
  addEvent(event: Omit<IncidentEvent, 'seq'>): Promise<void>;
  events(id: string): Promise<readonly IncidentEvent[]>;
  eventsAfter(seq: number, limit: number): Promise<readonly IncidentEvent[]>;
}

/** Which chat message speaks for a subject (`run:r-…`, `incident:inc-…`), so that it can be edited. */
export interface MessageRecord {
  readonly subject: string;
  readonly channel: string;
  readonly ts: string;
}

export interface MessageRecords {
  record(row: MessageRecord): Promise<void>;
  find(subject: string): Promise<MessageRecord | undefined>;
}

/** How far a follower has read. */
export interface CursorRecords {
  get(follower: string): Promise<number>;
  set(follower: string, seq: number): Promise<void>;
}

/** When a schedule last came due and was asked for: missed ones are noticed at start. */
export interface ScheduleRecords {
  lastDueAt(name: string): Promise<string | undefined>;
  /** False: another process already took this due moment. */
  take(name: string, dueAt: string): Promise<boolean>;
}

export interface FindingRecords {
  /**
   * Opens it, or keeps it open; `since` stays that of the first time. Answers true when it is new. With
   * `instead` it is only changed, where it still stands as `list()` gave it, and never opened anew.
   */
  open(row: {
    readonly code: string;
    readonly server: string;
    readonly finding: Json;
    readonly at: string;
    readonly instead?: Json;
  }): Promise<boolean>;
  close(code: string, server: string): Promise<boolean>;
  list(server?: string): Promise<readonly Json[]>;
}

/** A person has acknowledged something once, with a reason (`unbounded slot`). */
export interface AcknowledgementRecords {
  acknowledge(row: {
    readonly what: string;
    readonly server: string;
    readonly actor: Json;
    readonly reason: string;
    readonly at: string;
  }): Promise<void>;
  isAcknowledged(what: string, server: string): Promise<boolean>;
}

/** A lease: only one holder at a time, lost when it is not renewed. */
export interface LeaseRecords {
  /** False: somebody else holds it. */
  take(name: string, holder: string, untilAt: string, nowAt: string): Promise<boolean>;
  /** False: somebody else has taken it. One that ran out and that nobody took is renewed. */
  renew(name: string, holder: string, untilAt: string, nowAt: string): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
  holderOf(name: string, nowAt: string): Promise<string | undefined>;
}

/** Which installation this is: as long as this catalogue lives. Two of them must not share a store. */
export interface InstallationRecords {
  /** Made when it is first asked for: lower case letters, digits and dashes. */
  id(): Promise<string>;
}

/** Something that somebody outside must hear of, from the decision until it was taken there. */
export interface OutboxRecord {
  /** Grows: what was decided first is told first. */
  readonly seq: number;
  /** What is told: a trigger and its resolve have the same. */
  readonly dedupKey: string;
  readonly server: string;
  readonly action: 'trigger' | 'resolve';
  /** What is sent; `alerts/` owns its schema. */
  readonly page: Json;
  /** The run that it is about. */
  readonly runId: RunId | null;
  readonly madeAt: string;
  /**
   * `refused`: it was not taken, and asking again would change nothing as long as nobody mends it. `over`: it
   * was not taken, and what it told ended first; it is not told any more.
   */
  readonly state: 'waiting' | 'accepted' | 'refused' | 'over';
  readonly attempts: number;
  readonly triedAt: string | null;
  /** When whoever was told took it. */
  readonly acceptedAt: string | null;
  /** What was answered last, or why nothing was. */
  readonly said: string | null;
}

export interface NewOutboxRow
  extends Pick<OutboxRecord, 'dedupKey' | 'server' | 'action' | 'page' | 'runId' | 'madeAt'> {
  /** A trigger that is told again although its key is triggered, once the one before was accepted. */
  readonly again?: boolean;
}

export interface OutboxRecords {
  /**
   * Rows, the follower's cursor and events in one step: whoever dies before has decided nothing, whoever
   * dies after has lost nothing. A trigger whose key is triggered (unless it is told again) and a resolve
   * whose key is not are left out. `events` is given what is open then, and may be called again.
   */
  add(decided: {
    readonly rows: readonly NewOutboxRow[];
    readonly cursor?: { readonly follower: string; readonly seq: number };
    readonly events?: (open: readonly OutboxRecord[]) => readonly Omit<RunEvent, 'seq'>[];
  }): Promise<void>;
  /** Neither accepted nor over, oldest first. */
  undelivered(): Promise<readonly OutboxRecord[]>;
  /** The trigger of each key that was not resolved since, oldest first. */
  open(): Promise<readonly OutboxRecord[]>;
  /** What was accepted last, of all keys or of one. */
  lastAccepted(dedupKey?: string): Promise<OutboxRecord | undefined>;
  /** One more attempt and what came of it; of `events` those whose run has been told of a page before. */
  note(
    seq: number,
    told: Pick<OutboxRecord, 'state' | 'said'> & { readonly at: string },
    events: readonly Omit<RunEvent, 'seq'>[],
  ): Promise<void>;
  /** What was not taken and need not be any more, in one step; events as with `note()`. */
  strikeOff(
    seqs: readonly number[],
    said: string,
    events: readonly Omit<RunEvent, 'seq'>[],
  ): Promise<void>;
  /** Triggers and their resolves, both told or over, that were made before; how many. The last accepted stays. */
  forget(before: string): Promise<number>;
}
