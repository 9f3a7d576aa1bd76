/** What can go wrong in the workspace itself. What Slack would refuse is an answer, not a problem. */
import type { ProblemKind } from '../kernel/problem.ts';

export const WORKSPACE_PORT_TAKEN: ProblemKind = {
  code: 'WORKSPACE_PORT_TAKEN',
  retry: 'later',
  hint: 'Give the workspace another port, or 0 for any that is free.',
  fault: 'world',
};

export const WORKSPACE_NOTHING_THERE: ProblemKind = {
  code: 'WORKSPACE_NOTHING_THERE',
  retry: 'never',
  hint: 'Wait for the message, button or form before you use it.',
  fault: 'request',
};

export const WORKSPACE_WAIT_ENDED: ProblemKind = {
  code: 'WORKSPACE_WAIT_ENDED',
  retry: 'never',
  hint: 'Read what was said instead, and the log of the app.',
  fault: 'world',
};
