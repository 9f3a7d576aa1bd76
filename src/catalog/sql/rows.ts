/** Between rows and records: the text forms of JSON, identifiers and states. Pure. */
import type { Selectable } from 'kysely';

import { canonicalJson, type Json } from '../../kernel/codecs.ts';
import { type BackupId, isBackupId, isRunId, type RunId } from '../../kernel/ids.ts';
import type { JournalRow } from '../journal-records.ts';
import {
  RUN_STATES,
  type RunEvent,
  type RunEventKind,
  type RunRecord,
  type RunState,
} from '../runs.ts';
import type { JournalTable, RunsTable, Tables } from './schema.ts';

export function writeJson(value: Json): string {
  return canonicalJson(value);
}

export function readJson(text: string): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON.parse() answers nothing else
  return JSON.parse(text) as Json;
}

export interface JsonObject {
  readonly [key: string]: Json;
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value);
}

export function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function readObject(text: string): JsonObject {
  const value = readJson(text);
  if (!isObject(value)) throw new TypeError(`Not a JSON object: ${text}`);
  return value;
}

export function readRunId(text: string): RunId {
  if (!isRunId(text)) throw new TypeError(`Not a run id: "${text}"`);
  return text;
}

export function readBackupId(text: string): BackupId {
  if (!isBackupId(text)) throw new TypeError(`Not a backup id: "${text}"`);
  return text;
}

function readState(text: string): RunState {
  const state = RUN_STATES.find((known) => known === text);
  if (state === undefined) throw new TypeError(`Not a run state: "${text}"`);
  return state;
}

export function toRun(row: Selectable<RunsTable>): RunRecord {
  return {
    runId: readRunId(row.run_id),
    operation: row.operation,
    server: row.server,
    state: readState(row.state),
    danger: row.danger === 'high' ? 'high' : 'low',
    input: readJson(row.input),
    plan: readJson(row.plan),
    planHash: row.plan_hash,
    outlook: readJson(row.outlook),
    asker: readJson(row.asker),
    deciders: readJson(row.deciders),
    audience: row.audience,
    after: row.after === null ? null : readRunId(row.after),
    performer: row.performer,
    askedAt: row.asked_at,
    expiresAt: row.expires_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    result: readJson(row.result),
    problem: readJson(row.problem),
    cancelAsked: row.cancel_asked === 1,
  };
}

export function toEvent(row: Selectable<Tables['run_events']>): RunEvent {
  return {
    seq: row.seq,
    runId: readRunId(row.run_id),
    at: row.at,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only typed verbs write it
    kind: row.kind as RunEventKind,
    data: readJson(row.data),
  };
}

export function toJournalRow(row: Selectable<JournalTable>): JournalRow {
  return {
    seq: row.seq,
    at: row.at,
    what: row.what,
    actor: readJson(row.actor),
    runId: row.run_id,
    data: readJson(row.data),
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
