/** The changes people make to a run: approve, refuse, withdraw, ask to cancel. One winner each. */
import type { Json } from '../../kernel/codecs.ts';
import type { Approving, Deciding } from '../run-verbs.ts';
import type { RunEventKind, RunRecord } from '../runs.ts';
import { type Session, sql } from './database.ts';
import { isArray, writeJson } from './rows.ts';
import { cancelFollowUps, readChangedRun, readRun, tell } from './run-changes.ts';

export function approve(session: Session, approving: Approving): RunRecord | undefined {
  const run = readRun(session, approving.runId);
  if (run === undefined || !mayBeApproved(session, run, approving)) return undefined;
  const added = session.change(
    sql
      .insertInto('approvals')
      .values({ run_id: run.runId, decider: approving.deciderId, at: approving.at })
      .onConflict((conflict) => conflict.columns(['run_id', 'decider']).doNothing()),
  );
  if (added === 0) return undefined;

  const deciders = [...decidersOf(run), decider(approving, 'approve')];
  const have = session.all(
    sql.selectFrom('approvals').select('decider').where('run_id', '=', run.runId),
  ).length;
  const enough = have >= approving.needed;
  session.change(
    sql
      .updateTable('runs')
      .set({
        deciders: writeJson(deciders),
        ...(enough ? { state: 'approved', expires_at: approving.expiresAt } : {}),
      })
      .where('run_id', '=', run.runId)
      .where('state', '=', 'waiting'),
  );
  tellDecision(session, approving, 'approved', { have, needed: approving.needed });
  return readChangedRun(session, run.runId);
}

function mayBeApproved(session: Session, run: RunRecord, approving: Approving): boolean {
  if (run.state !== 'waiting' || run.planHash !== approving.planHash) return false;
  if (run.expiresAt === null || run.expiresAt > approving.at) return true;
  return hasWorkingParent(session, run);
}

/** A follow-up has time for as long as its parent has not ended. */
export function hasWorkingParent(session: Session, run: RunRecord): boolean {
  if (run.after === null) return false;
  return readRun(session, run.after)?.endedAt === null;
}

export function refuse(session: Session, deciding: Deciding): RunRecord | undefined {
  const run = readRun(session, deciding.runId);
  if (run?.state !== 'waiting') return undefined;
  return endUnstarted(session, deciding, { run, state: 'refused', decision: 'refuse' });
}

export function withdraw(session: Session, deciding: Deciding): RunRecord | undefined {
  const run = readRun(session, deciding.runId);
  if (run?.state !== 'waiting' && run?.state !== 'approved') return undefined;
  return endUnstarted(session, deciding, { run, state: 'cancelled', decision: 'withdraw' });
}

export function askCancel(session: Session, deciding: Deciding): RunRecord | undefined {
  const run = readRun(session, deciding.runId);
  if (run?.state !== 'running' || run.cancelAsked) return undefined;
  session.change(
    sql
      .updateTable('runs')
      .set({
        cancel_asked: 1,
        deciders: writeJson([...decidersOf(run), decider(deciding, 'cancel')]),
      })
      .where('run_id', '=', run.runId),
  );
  tellDecision(session, deciding, 'cancel asked', {});
  return readChangedRun(session, run.runId);
}

interface UnstartedEnd {
  readonly run: RunRecord;
  readonly state: 'refused' | 'cancelled';
  readonly decision: string;
}

function endUnstarted(session: Session, deciding: Deciding, end: UnstartedEnd): RunRecord {
  const deciders = [...decidersOf(end.run), decider(deciding, end.decision)];
  session.change(
    sql
      .updateTable('runs')
      .set({ state: end.state, ended_at: deciding.at, deciders: writeJson(deciders) })
      .where('run_id', '=', end.run.runId),
  );
  tellDecision(session, deciding, end.state, {});
  const ended = readChangedRun(session, end.run.runId);
  cancelFollowUps(session, ended, deciding.at);
  return ended;
}

function decidersOf(run: RunRecord): readonly Json[] {
  return isArray(run.deciders) ? run.deciders : [];
}

function decider(deciding: Deciding, decision: string): Json {
  return { actor: deciding.actor, decision, at: deciding.at, reason: deciding.reason };
}

function tellDecision(
  session: Session,
  deciding: Deciding,
  kind: RunEventKind,
  more: { readonly [key: string]: Json },
): void {
  const { runId, at, actor, reason } = deciding;
  tell(session, { runId, at, kind, actor, data: { actor, reason, ...more } });
}
