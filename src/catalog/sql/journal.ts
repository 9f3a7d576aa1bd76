/** The journal's statements. An entry is added in the transaction of the change that it tells of. */

import type { JournalEntry, JournalHead, JournalRecords, JournalRow } from '../journal-records.ts';
import { entryHash, FIRST_PREVIOUS_HASH } from '../journal-records.ts';
import { type Database, type Session, sql } from './database.ts';
import { readJson, toJournalRow, writeJson } from './rows.ts';

export function journalRecords(database: Database): JournalRecords {
  return {
    append: (entry) => database.write((session) => addJournalEntry(session, entry)),
    head: () => database.read(readHead),

    async entriesAfter(seq, limit) {
      const query = sql.selectFrom('journal').selectAll().where('seq', '>', seq);
      const rows = await database.read((session) => session.all(query.orderBy('seq').limit(limit)));
      return rows.map(toJournalRow);
    },

    async newest(limit) {
      const query = sql.selectFrom('journal').selectAll().orderBy('seq', 'desc').limit(limit);
      const rows = await database.read((session) => session.all(query));
      return rows.map(toJournalRow).toReversed();
    },
  };
}

/** Adds one entry inside the caller's transaction. */
export function addJournalEntry(session: Session, entry: JournalEntry): JournalRow {
  const head = readHead(session);
  // What is hashed is what will be read back: `undefined` members are gone.
  const actor = writeJson(entry.actor);
  const data = writeJson(entry.data);
  const unhashed = {
    seq: head.seq + 1,
    previousHash: head.hash,
    at: entry.at,
    what: entry.what,
    actor: readJson(actor),
    runId: entry.runId,
    data: readJson(data),
  };
  const row: JournalRow = { ...unhashed, hash: entryHash(unhashed) };
  session.change(
    sql.insertInto('journal').values({
      seq: row.seq,
      at: row.at,
      what: row.what,
      actor,
      run_id: row.runId,
      data,
      previous_hash: row.previousHash,
      hash: row.hash,
    }),
  );
  session.change(
    sql
      .insertInto('journal_head')
      .values({ id: 1, seq: row.seq, hash: row.hash })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({ seq: row.seq, hash: row.hash }),
      ),
  );
  return row;
}

function readHead(session: Session): JournalHead {
  const head = session.first(sql.selectFrom('journal_head').select(['seq', 'hash']));
  return head ?? { seq: 0, hash: FIRST_PREVIOUS_HASH };
}
