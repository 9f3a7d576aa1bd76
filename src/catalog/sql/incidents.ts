/** Incidents and their events in SQL. */
import type { Selectable } from 'kysely';

import type { IncidentEvent, IncidentRecord, IncidentRecords } from '../records.ts';
import { type Database, sql } from './database.ts';
import { readJson, writeJson } from './rows.ts';
import type { Tables } from './schema.ts';

export function incidentRecords(database: Database): IncidentRecords {
  return { ...incidentVerbs(database), ...eventVerbs(database) };
}

type EventVerb = 'addEvent' | 'events' | 'eventsAfter';

function incidentVerbs(database: Database): Omit<IncidentRecords, EventVerb> {
  return {
    async open(row) {
      const query = sql
        .insertInto('incidents')
        .values({
          id: row.id,
          server: row.server,
          scenario: row.scenario,
          runbook: row.runbook,
          state: writeJson(row.state),
          version: 1,
          opened_at: row.openedAt,
          closed_at: null,
        })
        .returningAll();
      return toIncident(await database.write((session) => session.all(query)[0]));
    },

    async find(id) {
      const query = sql.selectFrom('incidents').selectAll().where('id', '=', id);
      const row = await database.read((session) => session.first(query));
      return row === undefined ? undefined : toIncident(row);
    },

    async list({ openOnly }) {
      let query = sql.selectFrom('incidents').selectAll();
      if (openOnly) query = query.where('closed_at', 'is', null);
      const ordered = query.orderBy('opened_at').orderBy('id');
      return (await database.read((session) => session.all(ordered))).map(toIncident);
    },

    async update(id, version, change) {
      const query = sql
        .updateTable('incidents')
        .set({
          state: writeJson(change.state),
          version: version + 1,
          ...(change.closedAt === undefined ? {} : { closed_at: change.closedAt }),
        })
        .where('id', '=', id)
        .where('version', '=', version);
      return (await database.write((session) => session.change(query))) === 1;
    },
  };
}

function eventVerbs(database: Database): Pick<IncidentRecords, EventVerb> {
  return {
    async addEvent(event) {
      const query = sql.insertInto('incident_events').values({
        incident_id: event.incidentId,
        at: event.at,
        actor: writeJson(event.actor),
        text: event.text,
        data: writeJson(event.data),
      });
      await database.write((session) => session.change(query));
    },

    async events(id) {
      const query = sql.selectFrom('incident_events').selectAll().where('incident_id', '=', id);
      return (await database.read((session) => session.all(query.orderBy('seq')))).map(toEvent);
    },

    async eventsAfter(seq, limit) {
      const query = sql.selectFrom('incident_events').selectAll().where('seq', '>', seq);
      const rows = await database.read((session) => session.all(query.orderBy('seq').limit(limit)));
      return rows.map(toEvent);
    },
  };
}

function toIncident(row: Selectable<Tables['incidents']> | undefined): IncidentRecord {
  if (row === undefined) throw new TypeError('The incident was not written');
  return {
    id: row.id,
    server: row.server,
    scenario: row.scenario,
    runbook: row.runbook,
    state: readJson(row.state),
    version: row.version,
    openedAt: row.opened_at,
    closedAt: row.closed_at,
  };
}

function toEvent(row: Selectable<Tables['incident_events']>): IncidentEvent {
  return {
    seq: row.seq,
    incidentId: row.incident_id,
    at: row.at,
    actor: readJson(row.actor),
    text: row.text,
    data: readJson(row.data),
  };
}
