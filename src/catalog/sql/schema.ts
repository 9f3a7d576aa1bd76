/**
 * The tables as Kysely sees them, and the steps that make them. A step, once released, is never
 * changed: later ones are added. JSON is text, moments are RFC 3339 text, booleans are 0 and 1.
 */
import type { Generated } from 'kysely';

export interface Tables {
  runs: RunsTable;
  approvals: { run_id: string; decider: string; at: string };
  run_events: { seq: Generated<number>; run_id: string; at: string; kind: string; data: string };
  journal: JournalTable;
  journal_head: { id: number; seq: number; hash: string };
  backups: BackupsTable;
  wal_progress: WalProgressTable;
  instances: InstancesTable;
  resources: {
    id: string;
    run_id: string | null;
    kind: string;
    reference: string;
    claimed_at: string;
  };
  incidents: IncidentsTable;
  incident_events: {
    seq: Generated<number>;
    incident_id: string;
    at: string;
    actor: string;
    text: string;
    data: string;
  };
  messages: { subject: string; channel: string; ts: string };
  cursors: { follower: string; seq: number };
  schedules: { name: string; due_at: string };
  findings: { code: string; server: string; finding: string; since: string };
  acknowledgements: { what: string; server: string; actor: string; reason: string; at: string };
  leases: { name: string; holder: string; until_at: string };
  installation: { only: number; id: string };
  outbox: OutboxTable;
}

export interface RunsTable {
  run_id: string;
  operation: string;
  server: string | null;
  state: string;
  danger: string;
  input: string;
  plan: string;
  plan_hash: string;
  outlook: string;
  asker: string;
  deciders: string;
  audience: string | null;
  after: string | null;
  performer: string | null;
  holder: string | null;
  once_key: string | null;
  asked_at: string;
  expires_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  result: string;
  problem: string;
  cancel_asked: number;
}

export interface JournalTable {
  seq: number;
  at: string;
  what: string;
  actor: string;
  run_id: string | null;
  data: string;
  previous_hash: string;
  hash: string;
}

interface BackupsTable {
  server: string;
  backup_id: string;
  store: string;
  summary: string;
  verdict: string | null;
  verified_at: string | null;
  verify_run_id: string | null;
}

interface WalProgressTable {
  server: string;
  store: string;
  system_id: string;
  timeline: number;
  stored_lsn: string;
  server_lsn: string;
  at: string;
}

interface InstancesTable {
  run_id: string;
  server: string;
  directory: string;
  url: string;
  why: string;
  since: string;
  expires_at: string;
  cluster: string;
}

interface IncidentsTable {
  id: string;
  server: string;
  scenario: string;
  runbook: string;
  state: string;
  version: number;
  opened_at: string;
  closed_at: string | null;
}

export interface OutboxTable {
  seq: Generated<number>;
  dedup_key: string;
  server: string;
  action: string;
  page: string;
  run_id: string | null;
  made_at: string;
  state: string;
  attempts: Generated<number>;
  tried_at: string | null;
  accepted_at: string | null;
  said: string | null;
}

/** `PRAGMA user_version` is the number of steps that were done. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, operation TEXT NOT NULL, server TEXT, state TEXT NOT NULL,
  danger TEXT NOT NULL, input TEXT NOT NULL, plan TEXT NOT NULL, plan_hash TEXT NOT NULL,
  outlook TEXT NOT NULL, asker TEXT NOT NULL, deciders TEXT NOT NULL, audience TEXT,
  after TEXT REFERENCES runs (run_id), performer TEXT, holder TEXT, once_key TEXT UNIQUE,
  asked_at TEXT NOT NULL, expires_at TEXT, started_at TEXT, ended_at TEXT,
  result TEXT NOT NULL, problem TEXT NOT NULL, cancel_asked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_by_state ON runs (state, asked_at);
CREATE INDEX runs_by_asked ON runs (asked_at);
CREATE INDEX runs_by_after ON runs (after) WHERE after IS NOT NULL;
CREATE TABLE approvals (
  run_id TEXT NOT NULL REFERENCES runs (run_id), decider TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (run_id, decider)
) STRICT;
CREATE TABLE run_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs (run_id),
  at TEXT NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX run_events_by_run ON run_events (run_id, seq);
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL, actor TEXT NOT NULL,
  run_id TEXT, data TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE journal_head (
  id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE backups (
  server TEXT NOT NULL, backup_id TEXT NOT NULL, store TEXT NOT NULL, summary TEXT NOT NULL,
  verdict TEXT, verified_at TEXT, verify_run_id TEXT, PRIMARY KEY (server, backup_id, store)
) STRICT;
CREATE TABLE wal_progress (
  server TEXT NOT NULL, store TEXT NOT NULL, system_id TEXT NOT NULL, timeline INTEGER NOT NULL,
  stored_lsn TEXT NOT NULL, server_lsn TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (server, store)
) STRICT;
CREATE TABLE instances (
  run_id TEXT PRIMARY KEY, server TEXT NOT NULL, directory TEXT NOT NULL, url TEXT NOT NULL,
  why TEXT NOT NULL, since TEXT NOT NULL, expires_at TEXT NOT NULL, cluster TEXT NOT NULL
) STRICT;
CREATE TABLE resources (
  id TEXT PRIMARY KEY, run_id TEXT, kind TEXT NOT NULL, reference TEXT NOT NULL,
  claimed_at TEXT NOT NULL
) STRICT;
CREATE TABLE incidents (
  id TEXT PRIMARY KEY, server TEXT NOT NULL, scenario TEXT NOT NULL, runbook TEXT NOT NULL,
  state TEXT NOT NULL, version INTEGER NOT NULL, opened_at TEXT NOT NULL, closed_at TEXT
) STRICT;
CREATE TABLE incident_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, incident_id TEXT NOT NULL REFERENCES incidents (id),
  at TEXT NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE TABLE messages (
  subject TEXT PRIMARY KEY, channel TEXT NOT NULL, ts TEXT NOT NULL
) STRICT;
CREATE TABLE cursors (follower TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE schedules (name TEXT PRIMARY KEY, due_at TEXT NOT NULL) STRICT;
CREATE TABLE findings (
  code TEXT NOT NULL, server TEXT NOT NULL, finding TEXT NOT NULL, since TEXT NOT NULL,
  PRIMARY KEY (code, server)
) STRICT;
CREATE TABLE acknowledgements (
  what TEXT NOT NULL, server TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
  at TEXT NOT NULL, PRIMARY KEY (what, server)
) STRICT;
CREATE TABLE leases (
  name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_at TEXT NOT NULL
) STRICT;
`,
  `
CREATE TABLE installation (
  only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL
) STRICT;
`,
  `
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, dedup_key TEXT NOT NULL, server TEXT NOT NULL,
  action TEXT NOT NULL, page TEXT NOT NULL, run_id TEXT, made_at TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, tried_at TEXT, accepted_at TEXT,
  said TEXT
) STRICT;
CREATE INDEX outbox_by_key ON outbox (dedup_key, seq);
CREATE INDEX outbox_undelivered ON outbox (seq) WHERE state <> 'accepted';
`,
];
