/** What goes wrong with programs that we start, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SUBPROCESS_MISSING: ProblemKind = {
  code: 'SUBPROCESS_MISSING',
  retry: 'never',
  hint: 'Install the program, or name the folder it is in with DBDR_PG_BINDIR.',
  fault: 'world',
};

export const SUBPROCESS_FAILED: ProblemKind = {
  code: 'SUBPROCESS_FAILED',
  retry: 'later',
  hint: 'Read what the program said, put it right, and ask again.',
  fault: 'world',
};

export const SUBPROCESS_TOO_SLOW: ProblemKind = {
  code: 'SUBPROCESS_TOO_SLOW',
  retry: 'later',
  hint: 'Look at how busy this machine and its disks are, then ask again.',
  fault: 'world',
};

export const USER_UNKNOWN: ProblemKind = {
  code: 'SUBPROCESS_USER_UNKNOWN',
  retry: 'never',
  hint: 'Name an existing user of this machine as `scratch.user` in the config.',
  fault: 'request',
};
