/** Messages, cursors, schedules, findings, acknowledgements, leases and our own name in SQL. */
import { randomUUID } from 'node:crypto';

import type { Json } from '../../kernel/codecs.ts';
import type {
  AcknowledgementRecords,
  CursorRecords,
  FindingRecords,
  InstallationRecords,
  LeaseRecords,
  MessageRecords,
  ScheduleRecords,
} from '../records.ts';
import { type Database, sql } from './database.ts';
import { isObject, readJson, writeJson } from './rows.ts';

export function messageRecords(database: Database): MessageRecords {
  return {
    async record(row) {
      const query = sql
        .insertInto('messages')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('subject').doUpdateSet({ channel: row.channel, ts: row.ts }),
        );
      await database.write((session) => session.change(query));
    },
    find(subject) {
      const query = sql.selectFrom('messages').selectAll().where('subject', '=', subject);
      return database.read((session) => session.first(query));
    },
  };
}

export function cursorRecords(database: Database): CursorRecords {
  return {
    async get(follower) {
      const query = sql.selectFrom('cursors').select('seq').where('follower', '=', follower);
      return (await database.read((session) => session.first(query)))?.seq ?? 0;
    },
    async set(follower, seq) {
      const query = sql
        .insertInto('cursors')
        .values({ follower, seq })
        .onConflict((conflict) => conflict.column('follower').doUpdateSet({ seq }));
      await database.write((session) => session.change(query));
    },
  };
}

export function scheduleRecords(database: Database): ScheduleRecords {
  return {
    async lastDueAt(name) {
      const query = sql.selectFrom('schedules').select('due_at').where('name', '=', name);
      return (await database.read((session) => session.first(query)))?.due_at;
    },
    async take(name, dueAt) {
      const query = sql
        .insertInto('schedules')
        .values({ name, due_at: dueAt })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet({ due_at: dueAt })
            .where('schedules.due_at', '<', dueAt),
        );
      return (await database.write((session) => session.change(query))) === 1;
    },
  };
}

export function findingRecords(database: Database): FindingRecords {
  return {
    open(row) {
      const finding = writeJson(row.finding);
      const known = sql
        .updateTable('findings')
        .set({ finding })
        .where('code', '=', row.code)
        .where('server', '=', row.server);
      const added = sql
        .insertInto('findings')
        .values({ code: row.code, server: row.server, finding, since: row.at });
      const standing = sql
        .selectFrom('findings')
        .selectAll()
        .where('code', '=', row.code)
        .where('server', '=', row.server);
      return database.write((session) => {
        if (row.instead !== undefined) {
          const now = session.first(standing);
          const text = now && writeJson(withSince(readJson(now.finding), now.since));
          if (text === writeJson(row.instead)) session.change(known);
          return false;
        }
        if (session.change(known) > 0) return false;
        session.change(added);
        return true;
      });
    },
    async close(code, server) {
      const query = sql
        .deleteFrom('findings')
        .where('code', '=', code)
        .where('server', '=', server);
      return (await database.write((session) => session.change(query))) === 1;
    },
    async list(server) {
      let query = sql.selectFrom('findings').selectAll();
      if (server !== undefined) query = query.where('server', '=', server);
      const ordered = query.orderBy('since').orderBy('code').orderBy('server');
      const rows = await database.read((session) => session.all(ordered));
      // `since` is when it was first noticed, whatever the newest notice says.
      return rows.map((row) => withSince(readJson(row.finding), row.since));
    },
  };
}

function withSince(finding: Json, since: string): Json {
  return isObject(finding) ? { ...finding, since } : finding;
}

export function acknowledgementRecords(database: Database): AcknowledgementRecords {
  return {
    async acknowledge(row) {
      const values = { ...row, actor: writeJson(row.actor) };
      const query = sql
        .insertInto('acknowledgements')
        .values(values)
        .onConflict((conflict) => conflict.columns(['what', 'server']).doNothing());
      await database.write((session) => session.change(query));
    },
    async isAcknowledged(what, server) {
      const query = sql
        .selectFrom('acknowledgements')
        .select('at')
        .where('what', '=', what)
        .where('server', '=', server);
      return (await database.read((session) => session.first(query))) !== undefined;
    },
  };
}

export function leaseRecords(database: Database): LeaseRecords {
  return {
    async take(name, holder, untilAt, nowAt) {
      const lease = { holder, until_at: untilAt };
      const query = sql
        .insertInto('leases')
        .values({ name, ...lease })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet(lease)
            .where((is) =>
              is.or([is('leases.until_at', '<=', nowAt), is('leases.holder', '=', holder)]),
            ),
        );
      return (await database.write((session) => session.change(query))) === 1;
    },
    async renew(name, holder, untilAt) {
      // Even one that ran out may be renewed while nobody else took it: who takes it is its holder.
      const query = sql
        .updateTable('leases')
        .set({ until_at: untilAt })
        .where('name', '=', name)
        .where('holder', '=', holder);
      return (await database.write((session) => session.change(query))) === 1;
    },
    async release(name, holder) {
      const query = sql.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder);
      await database.write((session) => session.change(query));
    },
    async holderOf(name, nowAt) {
      const query = sql
        .selectFrom('leases')
        .select('holder')
        .where('name', '=', name)
        .where('until_at', '>', nowAt);
      return (await database.read((session) => session.first(query)))?.holder;
    },
  };
}

export function installationRecords(database: Database): InstallationRecords {
  return {
    async id() {
      const known = sql.selectFrom('installation').selectAll();
      const found = await database.read((session) => session.first(known));
      if (found !== undefined) return found.id;
      const made = sql
        .insertInto('installation')
        .values({ only: 1, id: `i-${randomUUID()}` })
        .onConflict((conflict) => conflict.column('only').doNothing());
      return database.write((session) => {
        session.change(made);
        const row = session.first(known);
        if (row === undefined) throw new TypeError('An installation has a name');
        return row.id;
      });
    },
  };
}
