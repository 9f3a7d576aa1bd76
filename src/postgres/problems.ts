/** What goes wrong between us and PostgreSQL, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const PROGRAMS_MISSING: ProblemKind = {
  code: 'POSTGRES_PROGRAMS_MISSING',
  retry: 'never',
  hint: 'Install the programs of PostgreSQL, or name their folder with DBDR_PG_BINDIR.',
  fault: 'world',
};

export const PROGRAMS_UNREACHABLE: ProblemKind = {
  code: 'POSTGRES_PROGRAMS_UNREACHABLE',
  retry: 'never',
  hint: 'Move the project out of the private folder, or install the programs of PostgreSQL for all users.',
  fault: 'world',
};

export const POSTGRES_UNREACHABLE: ProblemKind = {
  code: 'POSTGRES_UNREACHABLE',
  retry: 'later',
  hint: 'Check that the server runs, and that host and port in its `url` are right.',
  fault: 'world',
};

export const POSTGRES_REFUSED: ProblemKind = {
  code: 'POSTGRES_REFUSED',
  retry: 'never',
  hint: 'Check user, password and database in the `url`, and the line for it in pg_hba.conf.',
  fault: 'world',
};

export const NO_REPLICATION_RIGHT: ProblemKind = {
  code: 'POSTGRES_NO_REPLICATION_RIGHT',
  retry: 'never',
  hint: 'Give the role the right to replicate and a line in pg_hba.conf, then ask again.',
  fault: 'world',
};

export const NO_WAL_SENDER: ProblemKind = {
  code: 'POSTGRES_NO_WAL_SENDER',
  retry: 'later',
  hint: 'Raise `max_wal_senders` on the server (it needs a restart), or end another receiver.',
  fault: 'world',
};

export const NO_FREE_CONNECTION: ProblemKind = {
  code: 'POSTGRES_NO_FREE_CONNECTION',
  retry: 'later',
  hint: 'End idle connections on the server, or raise `max_connections` (it needs a restart).',
  fault: 'world',
};

export const QUERY_FAILED: ProblemKind = {
  code: 'POSTGRES_QUERY_FAILED',
  retry: 'never',
  hint: 'Read what the server said; its log holds more.',
  fault: 'world',
};

export const QUERY_TOO_SLOW: ProblemKind = {
  code: 'POSTGRES_QUERY_TOO_SLOW',
  retry: 'later',
  hint: 'Look at what the server is busy with in `pg_stat_activity`, then ask again.',
  fault: 'world',
};

export const PERMISSION_MISSING: ProblemKind = {
  code: 'POSTGRES_PERMISSION_MISSING',
  retry: 'never',
  hint: 'Run on the server, for the role in the `url`: `GRANT pg_read_all_data TO …;`, or give it the right that is named.',
  fault: 'world',
};

export const CONNECTION_LOST: ProblemKind = {
  code: 'POSTGRES_CONNECTION_LOST',
  retry: 'later',
  hint: 'Check that the server still runs and what its log says; the bot connects again by itself.',
  fault: 'world',
};

export const PROTOCOL_UNEXPECTED: ProblemKind = {
  code: 'POSTGRES_PROTOCOL_UNEXPECTED',
  retry: 'later',
  hint: 'Check that the `url` leads to PostgreSQL 15 or newer and not through a pooler.',
  fault: 'world',
};

export const VERSION_TOO_OLD: ProblemKind = {
  code: 'POSTGRES_VERSION_TOO_OLD',
  retry: 'never',
  hint: 'Upgrade the server to PostgreSQL 15 or newer.',
  fault: 'world',
};

export const SLOT_TAKEN: ProblemKind = {
  code: 'POSTGRES_SLOT_TAKEN',
  retry: 'later',
  hint: 'Find out which other process receives with this slot: see `pg_stat_replication`.',
  fault: 'world',
};

export const SLOT_LOST: ProblemKind = {
  code: 'POSTGRES_SLOT_LOST',
  retry: 'never',
  hint: 'Run `forget`, let the archiving start anew, and take a base backup at once: WAL is missing.',
  fault: 'world',
};

export const TAR_DAMAGED: ProblemKind = {
  code: 'POSTGRES_TAR_DAMAGED',
  retry: 'later',
  hint: 'Take the base backup again; if it happens twice, check the network between us and the server.',
  fault: 'world',
};
