/** What the gate refuses, and what can end a run. */
import type { ProblemKind } from '../kernel/problem.ts';

export const OPERATION_UNKNOWN: ProblemKind = {
  code: 'GATE_OPERATION_UNKNOWN',
  retry: 'never',
  hint: 'List what can be asked with `help`.',
  fault: 'request',
};

export const WORDS_UNREADABLE: ProblemKind = {
  code: 'GATE_WORDS_UNREADABLE',
  retry: 'never',
  hint: 'Read how it is asked with `help`, followed by its name.',
  fault: 'request',
};

export const INPUT_INVALID: ProblemKind = {
  code: 'GATE_INPUT_INVALID',
  retry: 'never',
  hint: 'Read how it is asked with `help`, followed by its name.',
  fault: 'request',
};

export const RUN_UNKNOWN: ProblemKind = {
  code: 'GATE_RUN_UNKNOWN',
  retry: 'never',
  hint: 'List the runs with `runs`.',
  fault: 'request',
};

export const NOT_ALLOWED: ProblemKind = {
  code: 'GATE_NOT_ALLOWED',
  retry: 'never',
  hint: 'Ask an operator or approver named in the config to do it.',
  fault: 'refused',
};

export const NO_APPROVER: ProblemKind = {
  code: 'GATE_NO_APPROVER',
  retry: 'never',
  hint: 'Name more people under `slack.people.approvers`, or run it at a terminal with `--yes --reason`.',
  fault: 'refused',
};

export const OWN_REQUEST: ProblemKind = {
  code: 'GATE_OWN_REQUEST',
  retry: 'never',
  hint: 'Ask a colleague to approve it.',
  fault: 'refused',
};

export const REASON_MISSING: ProblemKind = {
  code: 'GATE_REASON_MISSING',
  retry: 'never',
  hint: 'Say why with `--reason "…"`; the journal keeps it.',
  fault: 'request',
};

export const PLAN_CHANGED: ProblemKind = {
  code: 'GATE_PLAN_CHANGED',
  retry: 'never',
  hint: 'Look at the plan as it stands now, and ask again.',
  fault: 'refused',
};

export const EXPIRED: ProblemKind = {
  code: 'GATE_EXPIRED',
  retry: 'never',
  hint: 'Ask again, and have it approved in time.',
  fault: 'refused',
};

export const DECIDED_BEFORE: ProblemKind = {
  code: 'GATE_DECIDED_BEFORE',
  retry: 'never',
  hint: 'Look at the run with `runs`.',
  fault: 'refused',
};

export const NOT_STARTABLE: ProblemKind = {
  code: 'GATE_NOT_STARTABLE',
  retry: 'later',
  hint: 'Look at the run with `runs`.',
  fault: 'refused',
};

export const LEASE_HELD: ProblemKind = {
  code: 'GATE_LEASE_HELD',
  retry: 'later',
  hint: 'Wait until the other run has ended, or stop it with `cancel`, and ask again.',
  fault: 'refused',
};

export const LEASE_LOST: ProblemKind = {
  code: 'GATE_LEASE_LOST',
  retry: 'later',
  hint: 'Look for a full disk or a stopped clock on this host, then ask again.',
  fault: 'world',
};

export const CANCELLED: ProblemKind = {
  code: 'GATE_CANCELLED',
  retry: 'never',
  hint: 'Ask again when it should be done after all.',
  fault: 'refused',
};

export const DEADLINE: ProblemKind = {
  code: 'GATE_DEADLINE',
  retry: 'later',
  hint: 'Look at the last step of the run with `runs`, remove what slowed it, and ask again.',
  fault: 'world',
};

export const SHUTDOWN: ProblemKind = {
  code: 'GATE_SHUTDOWN',
  retry: 'now',
  hint: 'Ask again.',
  fault: 'world',
};

export const INTERRUPTED: ProblemKind = {
  code: 'GATE_INTERRUPTED',
  retry: 'now',
  hint: 'Ask again; what the dead process left behind is removed by itself.',
  fault: 'world',
};

export const BUG: ProblemKind = {
  code: 'GATE_BUG',
  retry: 'never',
  hint: 'Report it together with the log lines of this run.',
  fault: 'world',
};
