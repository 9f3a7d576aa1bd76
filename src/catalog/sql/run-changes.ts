/**
 * What every change of a run does inside its transaction: the event, the journal entry, and the end
 * of follow-ups whose parent will never be done.
 */
import type { Json } from '../../kernel/codecs.ts';
import type { RunId } from '../../kernel/ids.ts';
import type { RunEventKind, RunRecord } from '../runs.ts';
import { type Session, sql } from './database.ts';
import { addJournalEntry } from './journal.ts';
import { toRun, writeJson } from './rows.ts';

/** Who changed it when there was no person: the bot itself. */
export const BOT: Json = { kind: 'bot', id: 'dbdr' };

export interface Told {
  readonly runId: RunId;
  readonly at: string;
  readonly kind: RunEventKind;
  readonly actor: Json;
  readonly data: Json;
}

export function readRun(session: Session, runId: RunId): RunRecord | undefined {
  const row = session.first(sql.selectFrom('runs').selectAll().where('run_id', '=', runId));
  return row === undefined ? undefined : toRun(row);
}

/** The run must exist: its row was just written. */
export function readChangedRun(session: Session, runId: RunId): RunRecord {
  const run = readRun(session, runId);
  if (run === undefined) throw new TypeError(`No such run: "${runId}"`);
  return run;
}

export function addRunEvent(session: Session, event: Omit<Told, 'actor'>): void {
  session.change(
    sql.insertInto('run_events').values({
      run_id: event.runId,
      at: event.at,
      kind: event.kind,
      data: writeJson(event.data),
    }),
  );
}

/** Event and journal entry of one change. */
export function tell(session: Session, told: Told): void {
  addRunEvent(session, told);
  addJournalEntry(session, {
    at: told.at,
    what: told.kind,
    actor: told.actor,
    runId: told.runId,
    data: told.data,
  });
}

/** Ends, with the reason, whatever waits for a parent that will never be done. */
export function cancelFollowUps(session: Session, parent: RunRecord, at: string): void {
  const children = session.all(
    sql
      .selectFrom('runs')
      .selectAll()
      .where('after', '=', parent.runId)
      .where('state', 'in', ['waiting', 'approved']),
  );
  for (const child of children.map(toRun)) {
    const why = `The run it follows, "${parent.runId}" (${parent.operation}), ended ${parent.state}`;
    session.change(
      sql
        .updateTable('runs')
        .set({ state: 'cancelled', ended_at: at, problem: writeJson(parentProblem(why)) })
        .where('run_id', '=', child.runId),
    );
    tell(session, { runId: child.runId, at, kind: 'cancelled', actor: BOT, data: { why } });
    cancelFollowUps(session, readChangedRun(session, child.runId), at);
  }
}

function parentProblem(message: string): Json {
  return {
    code: 'RUN_PARENT_NOT_DONE',
    message,
    hint: 'Look at the run it follows with `runs`, then ask again.',
    retry: 'never',
    runbook: null,
    fault: 'refused',
  };
}
