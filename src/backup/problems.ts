/** What goes wrong with taking and listing backups, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'BACKUP_SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the servers in the config.',
  fault: 'request',
};

export const STORE_UNKNOWN: ProblemKind = {
  code: 'BACKUP_STORE_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the stores in the config.',
  fault: 'request',
};

export const PLAN_OUTDATED: ProblemKind = {
  code: 'BACKUP_PLAN_OUTDATED',
  retry: 'never',
  hint: 'Ask again: the config has changed since.',
  fault: 'request',
};

export const WAL_INCOMPLETE: ProblemKind = {
  code: 'BACKUP_WAL_INCOMPLETE',
  retry: 'later',
  hint: 'Take another backup: the log that this one needs was not kept. See the holes with `wal`.',
  fault: 'world',
};
