/** What goes wrong with stores, and what to do next. */
import { isProblem, type Problem, type ProblemKind } from '../kernel/problem.ts';

export const OBJECT_MISSING: ProblemKind = {
  code: 'STORAGE_OBJECT_MISSING',
  retry: 'never',
  hint: 'Run `backups` to see which backups are whole, then pick another recovery point.',
  runbook: 'damaged-backup.md',
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

export const REMOVE_DENIED: ProblemKind = {
  code: 'STORAGE_REMOVE_DENIED',
  retry: 'later',
  hint: 'Give the store a `deleter` in the config whose credentials may remove.',
  fault: 'world',
};

export const STORE_DENIED: ProblemKind = {
  code: 'STORAGE_DENIED',
  retry: 'later',
  hint: 'Allow it in the policy of these credentials, and look whether the bucket denies it.',
  fault: 'world',
};

export const CREDENTIALS_REFUSED: ProblemKind = {
  code: 'STORAGE_CREDENTIALS_REFUSED',
  retry: 'later',
  hint: 'Put right the credentials of this store, in the config or where the SDK looks for them.',
  fault: 'world',
};

export const BUCKET_MISSING: ProblemKind = {
  code: 'STORAGE_BUCKET_MISSING',
  retry: 'later',
  hint: 'Make the bucket, or put right `bucket` in the config of this store.',
  fault: 'world',
};

export const BUCKET_ELSEWHERE: ProblemKind = {
  code: 'STORAGE_REGION_WRONG',
  retry: 'later',
  hint: 'Put right `region` in the config of this store.',
  fault: 'world',
};

export const CLOCK_SKEWED: ProblemKind = {
  code: 'STORAGE_CLOCK_SKEWED',
  retry: 'later',
  hint: 'Set the clock of this machine, and keep it set with chrony or systemd-timesyncd.',
  fault: 'world',
};

export const LOCK_UNAVAILABLE: ProblemKind = {
  code: 'STORAGE_LOCK_UNAVAILABLE',
  retry: 'later',
  hint: 'Turn on versioning and then Object Lock for the bucket, or take `object_lock` out of the config.',
  fault: 'world',
};

export const STORE_BUSY: ProblemKind = {
  code: 'STORAGE_BUSY',
  retry: 'later',
  hint: 'Nothing to do at once: the bot tries again by itself; if it stays so, spread the load.',
  fault: 'world',
};

export const OBJECT_DAMAGED: ProblemKind = {
  code: 'STORAGE_OBJECT_DAMAGED',
  retry: 'never',
  hint: 'Run `verify` to see whether the backup is whole, and use another store or recovery point.',
  fault: 'world',
};

export const STORE_ANSWER: ProblemKind = {
  code: 'STORAGE_ANSWER_UNEXPECTED',
  retry: 'later',
  hint: 'Look up what the server says; a compatible server may lack what we need of S3.',
  fault: 'world',
};

/** Whether our credentials may not do it: trying again soon is for nothing. */
export function isDenied(error: unknown): error is Problem {
  return isProblem(error, REMOVE_DENIED) || isProblem(error, STORE_DENIED);
}
