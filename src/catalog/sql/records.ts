/** Backups, WAL progress, instances and resources in SQL. */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type {
  BackupRecord,
  BackupRecords,
  InstanceRecord,
  InstanceRecords,
  ResourceRecords,
  WalProgressRecords,
} from '../records.ts';

import { type Database, sql } from './database.ts';
import { readBackupId, readJson, readObject, readRunId, writeJson } from './rows.ts';
import type { Tables } from './schema.ts';

export function backupRecords(database: Database): BackupRecords {
  return {
    async record(row) {
      const summary = writeJson(row.summary);
      const query = sql
        .insertInto('backups')
        .values({
          server: row.server,
          backup_id: row.backupId,
          store: row.store,
          summary,
          verdict: null,
          verified_at: null,
          verify_run_id: null,
        })
        .onConflict((conflict) =>
          conflict.columns(['server', 'backup_id', 'store']).doUpdateSet({ summary }),
        );
      await database.write((session) => session.change(query));
    },

    async list(server) {
      let query = sql.selectFrom('backups').selectAll();
      if (server !== undefined) query = query.where('server', '=', server);
      const ordered = query.orderBy('backup_id').orderBy('server').orderBy('store');
      const rows = await database.read((session) => session.all(ordered));
      return rows.map(toBackup);
    },

    async markVerified(row) {
      const query = sql
        .updateTable('backups')
        .set({ verdict: row.verdict, verified_at: row.at, verify_run_id: row.runId })
        .where('server', '=', row.server)
        .where('backup_id', '=', row.backupId)
        .where('store', '=', row.store);
      await database.write((session) => session.change(query));
    },

    async remove(server, backupId, store) {
      const query = sql
        .deleteFrom('backups')
        .where('server', '=', server)
        .where('backup_id', '=', backupId)
        .where('store', '=', store);
      await database.write((session) => session.change(query));
    },
  };
}

function toBackup(row: Selectable<Tables['backups']>): BackupRecord {
  return {
    server: row.server,
    backupId: readBackupId(row.backup_id),
    store: row.store,
    summary: readJson(row.summary),
    verdict: row.verdict,
    verifiedAt: row.verified_at,
    verifyRunId: row.verify_run_id === null ? null : readRunId(row.verify_run_id),
  };
}

export function walProgressRecords(database: Database): WalProgressRecords {
  return {
    async record(row) {
      const values = {
        system_id: row.systemId,
        timeline: row.timeline,
        stored_lsn: row.storedLsn,
        server_lsn: row.serverLsn,
        at: row.at,
      };
      const query = sql
        .insertInto('wal_progress')
        .values({ server: row.server, store: row.store, ...values })
        .onConflict((conflict) => conflict.columns(['server', 'store']).doUpdateSet(values));
      await database.write((session) => session.change(query));
    },

    async find(server, store) {
      const query = sql
        .selectFrom('wal_progress')
        .selectAll()
        .where('server', '=', server)
        .where('store', '=', store);
      const row = await database.read((session) => session.first(query));
      if (row === undefined) return undefined;
      return {
        server: row.server,
        store: row.store,
        systemId: row.system_id,
        timeline: row.timeline,
        storedLsn: row.stored_lsn,
        serverLsn: row.server_lsn,
        at: row.at,
      };
    },
  };
}

export function instanceRecords(database: Database): InstanceRecords {
  return {
    async add(row) {
      const query = sql.insertInto('instances').values({
        run_id: row.runId,
        server: row.server,
        directory: row.directory,
        url: row.url,
        why: row.why,
        since: row.since,
        expires_at: row.expiresAt,
        cluster: writeJson(row.cluster),
      });
      await database.write((session) => session.change(query));
    },

    async find(runId) {
      const query = sql.selectFrom('instances').selectAll().where('run_id', '=', runId);
      const row = await database.read((session) => session.first(query));
      return row === undefined ? undefined : toInstance(row);
    },

    async list() {
      const query = sql.selectFrom('instances').selectAll().orderBy('since').orderBy('run_id');
      return (await database.read((session) => session.all(query))).map(toInstance);
    },

    async extend(runId, expiresAt) {
      const query = sql
        .updateTable('instances')
        .set({ expires_at: expiresAt })
        .where('run_id', '=', runId);
      await database.write((session) => session.change(query));
    },

    async remove(runId) {
      const query = sql.deleteFrom('instances').where('run_id', '=', runId);
      await database.write((session) => session.change(query));
    },
  };
}

function toInstance(row: Selectable<Tables['instances']>): InstanceRecord {
  return {
    runId: readRunId(row.run_id),
    server: row.server,
    directory: row.directory,
    url: row.url,
    why: row.why,
    since: row.since,
    expiresAt: row.expires_at,
    cluster: readJson(row.cluster),
  };
}

export function resourceRecords(database: Database): ResourceRecords {
  return {
    async claim(row) {
      const id = `c-${randomUUID()}`;
      const query = sql.insertInto('resources').values({
        id,
        run_id: row.runId,
        kind: row.kind,
        reference: writeJson(row.reference),
        claimed_at: row.claimedAt,
      });
      await database.write((session) => session.change(query));
      return id;
    },

    async release(id) {
      const query = sql.deleteFrom('resources').where('id', '=', id);
      await database.write((session) => session.change(query));
    },

    async list() {
      const query = sql.selectFrom('resources').selectAll().orderBy('claimed_at').orderBy('id');
      return (await database.read((session) => session.all(query))).map((row) => ({
        id: row.id,
        runId: row.run_id === null ? null : readRunId(row.run_id),
        kind: row.kind,
        reference: readObject(row.reference),
        claimedAt: row.claimed_at,
      }));
    },
  };
}
