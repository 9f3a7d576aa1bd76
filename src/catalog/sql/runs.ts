/** The verbs on runs in SQL: asking, looking, starting, ending. */
import type { Json } from '../../kernel/codecs.ts';
import type { RunId } from '../../kernel/ids.ts';
import type { Claiming, Created, Ending, HeldRun, NewRun, RunListOptions } from '../run-verbs.ts';
import type { RunRecord } from '../runs.ts';
import { type Session, sql } from './database.ts';
import { hasWorkingParent } from './decisions.ts';
import { readRunId, toRun, writeJson } from './rows.ts';
import { BOT, cancelFollowUps, readChangedRun, tell } from './run-changes.ts';

/** Runs of one asking form a chain; longer ones are a mistake. */
const CHAIN_MAX = 20;

export function createRuns(
  session: Session,
  runs: readonly NewRun[],
  onceKey: string | undefined,
): Created {
  const before = onceKey === undefined ? [] : findOnce(session, onceKey);
  if (before.length > 0) return { runs: before, again: true };
  for (const [index, run] of runs.entries()) {
    insertRun(session, run, index === 0 ? (onceKey ?? null) : null);
    tell(session, {
      runId: run.runId,
      at: run.askedAt,
      kind: 'asked',
      actor: run.asker,
      data: askedData(run),
    });
  }
  return { runs: runs.map((run) => readChangedRun(session, run.runId)), again: false };
}

function askedData(run: NewRun): Json {
  const { operation, server, danger, planHash, state, after } = run;
  return { operation, server, danger, planHash, state, after };
}

function insertRun(session: Session, run: NewRun, onceKey: string | null): void {
  session.change(
    sql.insertInto('runs').values({
      run_id: run.runId,
      operation: run.operation,
      server: run.server,
      state: run.state,
      danger: run.danger,
      input: writeJson(run.input),
      plan: writeJson(run.plan),
      plan_hash: run.planHash,
      outlook: writeJson(run.outlook),
      asker: writeJson(run.asker),
      deciders: '[]',
      audience: run.audience,
      after: run.after,
      performer: run.performer,
      holder: null,
      once_key: onceKey,
      asked_at: run.askedAt,
      expires_at: run.expiresAt,
      started_at: null,
      ended_at: null,
      result: 'null',
      problem: 'null',
      cancel_asked: 0,
    }),
  );
}

/** The run of that key and everything that follows it, parents first. */
export function findOnce(session: Session, onceKey: string): readonly RunRecord[] {
  const first = session.first(sql.selectFrom('runs').selectAll().where('once_key', '=', onceKey));
  if (first === undefined) return [];
  const found = [toRun(first)];
  for (let index = 0; index < found.length && found.length <= CHAIN_MAX; index += 1) {
    const parent = found[index];
    if (parent === undefined) break;
    const children = sql.selectFrom('runs').selectAll().where('after', '=', parent.runId);
    found.push(...session.all(children.orderBy('asked_at').orderBy('run_id')).map(toRun));
  }
  return found;
}

export function listRuns(session: Session, options: RunListOptions): readonly RunRecord[] {
  let query = sql.selectFrom('runs').selectAll();
  if (options.server !== undefined) query = query.where('server', '=', options.server);
  if (options.operation !== undefined) query = query.where('operation', '=', options.operation);
  if (options.states !== undefined) query = query.where('state', 'in', [...options.states]);
  return session
    .all(query.orderBy('asked_at', 'desc').orderBy('run_id', 'desc').limit(options.limit))
    .map(toRun);
}

export function startableRuns(session: Session, now: string, limit: number): readonly RunRecord[] {
  const query = sql
    .selectFrom('runs')
    .leftJoin('runs as parent', 'parent.run_id', 'runs.after')
    .selectAll('runs')
    .where('runs.state', '=', 'approved')
    .where('runs.performer', 'is', null)
    .where((is) => is.or([is('runs.expires_at', 'is', null), is('runs.expires_at', '>', now)]))
    .where((is) => is.or([is('runs.after', 'is', null), is('parent.state', '=', 'done')]));
  return session.all(query.orderBy('runs.asked_at').orderBy('runs.run_id').limit(limit)).map(toRun);
}

export function heldRuns(session: Session): readonly HeldRun[] {
  const query = sql.selectFrom('runs').selectAll().where('state', '=', 'running');
  return session.all(query).map((row) => ({
    run: toRun(row),
    holder: row.holder ?? '',
    leaseUntil: leaseEnd(session, row.run_id, row.holder ?? ''),
  }));
}

function leaseEnd(session: Session, runId: string, holder: string): string | null {
  const lease = session.first(
    sql
      .selectFrom('leases')
      .select('until_at')
      .where('name', '=', `run:${runId}`)
      .where('holder', '=', holder),
  );
  return lease?.until_at ?? null;
}

export function promisedRuns(session: Session): readonly RunRecord[] {
  const query = sql
    .selectFrom('runs')
    .selectAll()
    .where('state', 'in', ['waiting', 'approved'])
    .where('performer', 'is not', null);
  return session.all(query).map(toRun);
}

export function expireRuns(session: Session, now: string): readonly RunRecord[] {
  const query = sql
    .selectFrom('runs')
    .selectAll()
    .where('state', 'in', ['waiting', 'approved'])
    .where('expires_at', '<=', now);
  const due = session.all(query).map(toRun);
  return due
    .filter((run) => !hasWorkingParent(session, run))
    .flatMap((run) => {
      const changed = session.change(
        sql
          .updateTable('runs')
          .set({ state: 'expired', ended_at: now })
          .where('run_id', '=', run.runId)
          // A parent that expired a moment ago has taken this one with it.
          .where('state', 'in', ['waiting', 'approved']),
      );
      if (changed === 0) return [];
      tell(session, {
        runId: run.runId,
        at: now,
        kind: 'expired',
        actor: BOT,
        data: { state: run.state, expiresAt: run.expiresAt },
      });
      const expired = readChangedRun(session, run.runId);
      cancelFollowUps(session, expired, now);
      return [expired];
    });
}

export function claimRun(session: Session, claiming: Claiming): RunRecord | undefined {
  const { runId, holder, at } = claiming;
  const claimed = session.change(
    sql
      .updateTable('runs')
      .set({ state: 'running', holder, started_at: at })
      .where('run_id', '=', runId)
      .where('state', '=', 'approved')
      .where((is) => is.or([is('performer', 'is', null), is('performer', '=', holder)]))
      .where((is) => is.or([is('expires_at', 'is', null), is('expires_at', '>', at)]))
      .where((is) =>
        is.or([
          is('after', 'is', null),
          is(
            'after',
            'in',
            sql.selectFrom('runs as parent').select('parent.run_id').where('state', '=', 'done'),
          ),
        ]),
      ),
  );
  if (claimed === 0) return undefined;
  const lease = { holder, until_at: claiming.leaseUntil };
  session.change(
    sql
      .insertInto('leases')
      .values({ name: `run:${runId}`, ...lease })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(lease)),
  );
  const run = readChangedRun(session, runId);
  tell(session, { runId, at, kind: 'started', actor: run.asker, data: { holder } });
  return run;
}

export function endRun(session: Session, ending: Ending): RunRecord | undefined {
  const { runId, state, at } = ending;
  const ended = session.change(
    sql
      .updateTable('runs')
      .set({
        state,
        ended_at: at,
        result: writeJson(ending.result),
        problem: writeJson(ending.problem),
      })
      .where('run_id', '=', runId)
      .where('state', '=', 'running')
      .where('holder', '=', ending.holder),
  );
  if (ended === 0) return undefined;
  session.change(sql.deleteFrom('leases').where('name', '=', `run:${runId}`));
  const run = readChangedRun(session, runId);
  const data = state === 'done' ? {} : { problem: ending.problem };
  tell(session, { runId, at, kind: state, actor: run.asker, data });
  if (state === 'done') giveFollowUpsTime(session, runId, ending.followUpsExpireAt);
  else cancelFollowUps(session, run, at);
  return run;
}

/** Their clock starts when their parent is done: until then nobody could have decided in earnest. */
function giveFollowUpsTime(session: Session, runId: RunId, until: string | undefined): void {
  if (until === undefined) return;
  session.change(
    sql
      .updateTable('runs')
      .set({ expires_at: until })
      .where('after', '=', runId)
      .where('state', 'in', ['waiting', 'approved'])
      .where('expires_at', 'is not', null)
      .where('expires_at', '<', until),
  );
}

export function isCancelAsked(session: Session, runId: RunId): boolean {
  const row = session.first(
    sql.selectFrom('runs').select('cancel_asked').where('run_id', '=', readRunId(runId)),
  );
  return row?.cancel_asked === 1;
}
