/** Why a recovery cannot be had as asked, or did not come out, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const DST_AMBIGUOUS: ProblemKind = {
  code: 'DST_AMBIGUOUS',
  retry: 'never',
  hint: 'Say which moment you mean, in UTC.',
  fault: 'request',
};

export const TARGET_UNREADABLE: ProblemKind = {
  code: 'TARGET_UNREADABLE',
  retry: 'never',
  hint: 'Write a moment (`14:46`, `"2026-11-22 14:46"`, `2026-11-22T13:46:00Z`), a log position (`0/16B3748`), `xid:733` or `latest`.',
  fault: 'request',
};

export const TARGET_IN_FUTURE: ProblemKind = {
  code: 'TARGET_IN_FUTURE',
  retry: 'never',
  hint: 'Ask for a moment that has been, or for `latest`.',
  fault: 'request',
};

export const TARGET_TOO_EARLY: ProblemKind = {
  code: 'TARGET_TOO_EARLY',
  retry: 'never',
  hint: 'Ask for a later moment; `backups` shows how far back you can go.',
  runbook: 'point-in-time.md',
  fault: 'request',
};

export const TARGET_AFTER_LAST_WAL: ProblemKind = {
  code: 'TARGET_AFTER_LAST_WAL',
  retry: 'later',
  hint: 'Ask for `latest`, or wait until `wal` shows that the moment is stored.',
  runbook: 'point-in-time.md',
  fault: 'request',
};

export const TARGET_NOT_FOUND: ProblemKind = {
  code: 'TARGET_NOT_FOUND',
  retry: 'never',
  hint: 'Give the moment or the log position of the transaction instead of its number.',
  runbook: 'point-in-time.md',
  fault: 'request',
};

export const WAL_HOLE: ProblemKind = {
  code: 'WAL_HOLE',
  retry: 'never',
  hint: 'Ask for a moment before the hole, or after a later base backup; `wal` shows what is missing.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const TABLESPACE_CUT: ProblemKind = {
  code: 'RECOVERY_TABLESPACE_CUT',
  retry: 'never',
  hint: 'Take a base backup now: it knows the tablespace, and moments after it can be restored.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

/** Replay itself needs an extension: its library writes records of its own kind into the log. */
export const LIBRARY_MISSING: ProblemKind = {
  code: 'RECOVERY_LIBRARY_MISSING',
  retry: 'never',
  hint: 'Ask for a moment before that position; past it, replay needs a PostgreSQL that loads the library of the extension.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const NO_BACKUPS: ProblemKind = {
  code: 'NO_BACKUPS',
  retry: 'never',
  hint: 'Take one with `backup`; if there should be some, check that the config names the right store.',
  fault: 'request',
};

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the servers in the config.',
  fault: 'request',
};

export const RECOVERY_FAILED: ProblemKind = {
  code: 'RECOVERY_FAILED',
  retry: 'later',
  hint: 'Read the last lines PostgreSQL wrote, then try another backup or moment.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

/** It ran and ended somewhere else: its data must not be believed. */
export const TARGET_NOT_REACHED: ProblemKind = {
  code: 'TARGET_NOT_REACHED',
  retry: 'later',
  hint: 'Run `verify` to find out whether stored WAL is damaged, then try another moment.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

/** Says nothing about the backup: only that nobody can look at it there. */
export const NOT_READABLE: ProblemKind = {
  code: 'RECOVERY_NOT_READABLE',
  retry: 'later',
  hint: 'Ask for a moment behind the end of that transaction (a job with savepoints or `EXCEPTION` blocks), or take another base backup when it does not run.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const COPY_UNUSABLE: ProblemKind = {
  code: 'RECOVERY_COPY_UNUSABLE',
  retry: 'never',
  hint: 'Name a role that exists in the backup in the `url` of the server.',
  fault: 'world',
};

export const TABLE_UNKNOWN: ProblemKind = {
  code: 'TABLE_UNKNOWN',
  retry: 'never',
  hint: 'Name tables that existed at the moment you ask for, with their schema if it is not `public`.',
  fault: 'request',
};

export const DATABASE_UNKNOWN: ProblemKind = {
  code: 'DATABASE_UNKNOWN',
  retry: 'never',
  hint: 'Name a database with `--database`.',
  fault: 'request',
};

export const INSTANCE_GONE: ProblemKind = {
  code: 'INSTANCE_GONE',
  retry: 'never',
  hint: 'Ask for the restore again; `instances list` shows what is there.',
  fault: 'request',
};

export const TABLES_CHANGED: ProblemKind = {
  code: 'TABLES_CHANGED',
  retry: 'never',
  hint: 'Ask again, so that the plan shows the tables as they are now.',
  fault: 'refused',
};

export const DESTINATION_TAKEN: ProblemKind = {
  code: 'DESTINATION_TAKEN',
  retry: 'never',
  hint: 'Use the tables that are there already, or drop that schema and ask again.',
  fault: 'refused',
};

export const COPY_DIFFERS: ProblemKind = {
  code: 'RECOVERY_COPY_DIFFERS',
  retry: 'later',
  hint: 'Nothing was kept; ask again, and if it happens twice compare the tables by hand.',
  fault: 'world',
};

export const TABLES_NO_RIGHT: ProblemKind = {
  code: 'TABLES_NO_RIGHT',
  retry: 'later',
  hint: 'Give the role in the `url` the right to create a schema in that database, and ask again.',
  fault: 'world',
};
