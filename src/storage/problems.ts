/** What goes wrong with stores, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const OBJECT_MISSING: ProblemKind = {
  code: 'STORAGE_OBJECT_MISSING',
  retry: 'never',
  hint: 'Run `backups` to see which backups are whole, then pick another recovery point.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const WRITE_REFUSED: ProblemKind = {
  code: 'STORAGE_WRITE_REFUSED',
  retry: 'never',
  hint: 'Find out who else writes to this store before you go on.',
  fault: 'world',
};

export const STORE_FULL: ProblemKind = {
  code: 'STORAGE_FULL',
  retry: 'later',
  hint: 'Make room on the disk of this store; the bot tries again by itself.',
  fault: 'world',
};

export const STORE_UNREACHABLE: ProblemKind = {
  code: 'STORAGE_UNREACHABLE',
  retry: 'later',
  hint: 'Check that the folder exists, is mounted, and may be written by the user that runs dbdr.',
  fault: 'world',
};

export const KEY_INVALID: ProblemKind = {
  code: 'STORAGE_KEY_INVALID',
  retry: 'never',
  hint: 'Use letters, digits, dots, dashes and slashes only, with no empty or dot-only part.',
  fault: 'request',
};

export const OBJECT_LOCKED: ProblemKind = {
  code: 'STORAGE_OBJECT_LOCKED',
  retry: 'later',
  hint: 'Wait until its time is up: Object Lock keeps it for everybody, and that is its purpose.',
  fault: 'refused',
};
