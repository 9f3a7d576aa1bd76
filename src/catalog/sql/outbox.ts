/**
 * The outbox in SQL. What a key may be told next is decided here, inside the transaction that writes it, so
 * that two processes cannot both trigger it, and nothing is resolved that was not triggered.
 */
import type { Selectable } from 'kysely';
import type { NewOutboxRow, OutboxRecord, OutboxRecords } from '../records.ts';
import type { RunEvent } from '../runs.ts';
import { type Database, type Session, sql } from './database.ts';
import { readJson, readRunId, writeJson } from './rows.ts';
import { addRunEvent } from './run-changes.ts';
import type { OutboxTable } from './schema.ts';

export function outboxRecords(database: Database): OutboxRecords {
  return {
    async add({ rows, cursor, events }) {
      await database.write((session) => {
        for (const row of rows) insertRow(session, row);
        if (cursor !== undefined) setCursor(session, cursor);
        if (events !== undefined)
          for (const event of events(openRows(session))) addRunEvent(session, event);
      });
    },

    async undelivered() {
      const query = sql
        .selectFrom('outbox')
        .selectAll()
        .where('state', '<>', 'accepted')
        .where('state', '<>', 'over');
      const rows = await database.read((session) => session.all(query.orderBy('seq')));
      return rows.map(toOutbox);
    },

    open: () => database.read(openRows),

    async lastAccepted(dedupKey) {
      const row = await database.read((session) => lastAcceptedRow(session, dedupKey));
      return row === undefined ? undefined : toOutbox(row);
    },

    async note(seq, { state, said, at }, events) {
      const query = sql
        .updateTable('outbox')
        .set((row) => ({
          state,
          said,
          tried_at: at,
          attempts: row('attempts', '+', 1),
          ...(state === 'accepted' ? { accepted_at: at } : {}),
        }))
        .where('seq', '=', seq)
        .where('state', '<>', 'accepted');
      await database.write((session) => {
        if (session.change(query) > 0) addHeard(session, events);
      });
    },

    async strikeOff(seqs, said, events) {
      const query = sql
        .updateTable('outbox')
        .set({ state: 'over', said })
        .where('seq', 'in', seqs)
        .where('state', '<>', 'accepted');
      await database.write((session) => {
        if (session.change(query) > 0) addHeard(session, events);
      });
    },

    async forget(before) {
      return await database.write((session) => {
        const last = lastAcceptedRow(session)?.seq ?? 0;
        const query = sql.deleteFrom('outbox').where('seq', 'in', endedBefore(before));
        return session.change(query.where('seq', '<>', last));
      });
    },
  };
}

function openRows(session: Session): readonly OutboxRecord[] {
  const newest = sql
    .selectFrom('outbox as each')
    .select((max) => max.fn.max('each.seq').as('seq'))
    .groupBy('each.dedup_key');
  const query = sql
    .selectFrom('outbox')
    .selectAll()
    .where('action', '=', 'trigger')
    .where('seq', 'in', newest);
  return session.all(query.orderBy('seq')).map(toOutbox);
}

function lastAcceptedRow(session: Session, dedupKey?: string): Selectable<OutboxTable> | undefined {
  const taken = sql.selectFrom('outbox').selectAll().where('state', '=', 'accepted');
  // Of one key what comes first is taken first, whatever a clock that was put back says.
  const query =
    dedupKey === undefined
      ? taken.orderBy('accepted_at', 'desc')
      : taken.where('dedup_key', '=', dedupKey);
  return session.first(query.orderBy('seq', 'desc').limit(1));
}

const ENDED = ['accepted', 'over'];

/** A resolve is never told before its trigger: where it is through, both are. */
function endedBefore(before: string) {
  return sql
    .selectFrom('outbox as each')
    .select('each.seq')
    .where('each.state', 'in', ENDED)
    .where('each.made_at', '<', before)
    .where((is) =>
      is.or([
        is('each.action', '=', 'resolve'),
        is.exists(
          is
            .selectFrom('outbox as later')
            .select('later.seq')
            .whereRef('later.dedup_key', '=', 'each.dedup_key')
            .whereRef('later.seq', '>', 'each.seq')
            .where('later.action', '=', 'resolve')
            .where('later.state', 'in', ENDED)
            .where('later.made_at', '<', before),
        ),
      ]),
    );
}

function addHeard(session: Session, events: readonly Omit<RunEvent, 'seq'>[]): void {
  for (const event of events) if (wasToldOf(session, event.runId)) addRunEvent(session, event);
}

function wasToldOf(session: Session, runId: string): boolean {
  const query = sql.selectFrom('run_events').select('seq').where('run_id', '=', runId);
  return session.first(query.where('kind', '=', 'paged').limit(1)) !== undefined;
}

/** Not where it was told before and is not told again, or there is nothing to take back. */
function insertRow(session: Session, row: NewOutboxRow): void {
  const ofKey = sql.selectFrom('outbox').selectAll().where('dedup_key', '=', row.dedupKey);
  const newest = ofKey.orderBy('seq', 'desc').limit(1);
  const last = session.first(newest);
  const isTriggered = last?.action === 'trigger';
  // One that waits is told anyway, and tells the same.
  const isAgain = row.again === true && last?.state === 'accepted';
  if (isTriggered === (row.action === 'trigger') && !(isTriggered && isAgain)) return;
  session.change(
    sql.insertInto('outbox').values({
      dedup_key: row.dedupKey,
      server: row.server,
      action: row.action,
      page: writeJson(row.page),
      run_id: row.runId,
      made_at: row.madeAt,
      state: 'waiting',
      tried_at: null,
      accepted_at: null,
      said: null,
    }),
  );
}

function setCursor(
  session: Session,
  cursor: { readonly follower: string; readonly seq: number },
): void {
  session.change(
    sql
      .insertInto('cursors')
      .values(cursor)
      .onConflict((conflict) => conflict.column('follower').doUpdateSet({ seq: cursor.seq })),
  );
}

const STATES = ['accepted', 'refused', 'over'] as const;

function toOutbox(row: Selectable<OutboxTable>): OutboxRecord {
  return {
    seq: row.seq,
    dedupKey: row.dedup_key,
    server: row.server,
    action: row.action === 'resolve' ? 'resolve' : 'trigger',
    page: readJson(row.page),
    runId: row.run_id === null ? null : readRunId(row.run_id),
    madeAt: row.made_at,
    state: STATES.find((state) => state === row.state) ?? 'waiting',
    attempts: row.attempts,
    triedAt: row.tried_at,
    acceptedAt: row.accepted_at,
    said: row.said,
  };
}
