/** What cannot be done with an incident, and what to do instead. */
import type { ProblemKind } from '../kernel/problem.ts';

export const INCIDENT_UNKNOWN: ProblemKind = {
  code: 'INCIDENT_UNKNOWN',
  retry: 'never',
  hint: 'List the open ones with `incident list`.',
  fault: 'request',
};

export const INCIDENT_WORDS: ProblemKind = {
  code: 'INCIDENT_WORDS_WRONG',
  retry: 'never',
  hint: 'Read how it is asked with `help incident`.',
  fault: 'request',
};

export const PROOF_NOT_FAILED: ProblemKind = {
  code: 'INCIDENT_PROOF_NOT_FAILED',
  retry: 'never',
  hint: 'Look at the run with `runs`, and open a walk with `incident open`.',
  fault: 'request',
};

export const NO_PROOF_FAILED: ProblemKind = {
  code: 'INCIDENT_NO_PROOF_FAILED',
  retry: 'never',
  hint: 'Prove the backup with `verify`; if it fails, open the walk again.',
  fault: 'request',
};

export const INCIDENT_NOT_ALLOWED: ProblemKind = {
  code: 'INCIDENT_NOT_ALLOWED',
  retry: 'never',
  hint: 'Ask an operator named in the config to do it.',
  fault: 'refused',
};

export const STEP_UNKNOWN: ProblemKind = {
  code: 'INCIDENT_STEP_UNKNOWN',
  retry: 'never',
  hint: 'See its steps with `incident show`, followed by its id.',
  fault: 'request',
};

export const STEP_NOT_READY: ProblemKind = {
  code: 'INCIDENT_STEP_NOT_READY',
  retry: 'never',
  hint: 'Say what is missing with `incident note`, or run the command of the step by hand.',
  fault: 'request',
};

/** Others changed it faster than we could, again and again. */
export const INCIDENT_BUSY: ProblemKind = {
  code: 'INCIDENT_BUSY',
  retry: 'now',
  hint: 'Look at the incident as it is now, then try again.',
  fault: 'refused',
};
