/** What goes wrong with holds and with removing backups, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'RETENTION_SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the servers in the config.',
  fault: 'request',
};

export const BACKUP_UNKNOWN: ProblemKind = {
  code: 'RETENTION_BACKUP_UNKNOWN',
  retry: 'never',
  hint: 'List the backups with `backups --all`, then name one by its id.',
  fault: 'request',
};

export const HOLD_UNREADABLE: ProblemKind = {
  code: 'RETENTION_HOLD_INVALID',
  retry: 'never',
  hint: 'Say why with `--reason`, and until when with a date (`2026-12-31`), a moment or a length (`P30D`).',
  fault: 'request',
};

export const NOT_HELD: ProblemKind = {
  code: 'RETENTION_NOT_HELD',
  retry: 'never',
  hint: 'See the holds in force with `hold`.',
  fault: 'request',
};

export const PLAN_OUTDATED: ProblemKind = {
  code: 'RETENTION_PLAN_OUTDATED',
  retry: 'never',
  hint: 'Ask again: the answer shows what would be removed now.',
  fault: 'request',
};

export const BLOCKED: ProblemKind = {
  code: 'RETENTION_BLOCKED',
  retry: 'later',
  hint: 'Put right what could not be read, or prove a backup with `verify`; until then nothing is removed.',
  fault: 'world',
};

export const TOO_MUCH: ProblemKind = {
  code: 'RETENTION_NEEDS_A_PERSON',
  retry: 'never',
  hint: 'Read the plan with `retention`, then ask for it with `retention --apply` if it is right.',
  fault: 'refused',
};

export const TOO_SLOW: ProblemKind = {
  code: 'RETENTION_STORE_SLOW',
  retry: 'later',
  hint: 'Look at the store; the next removal goes on where this one ended.',
  fault: 'world',
};
