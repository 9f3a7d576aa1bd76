/** What the command line itself refuses. */
import type { ProblemKind } from '../kernel/problem.ts';

export const INTERRUPTED: ProblemKind = {
  code: 'CLI_INTERRUPTED',
  retry: 'now',
  hint: 'Ask again.',
  fault: 'world',
};

export const APPROVAL_NEEDED: ProblemKind = {
  code: 'CLI_APPROVAL_NEEDED',
  retry: 'never',
  hint: 'Read the plan, then ask again with `--yes --reason "…"`.',
  fault: 'refused',
};

export const COMMAND_UNREADABLE: ProblemKind = {
  code: 'CLI_COMMAND_UNREADABLE',
  retry: 'never',
  hint: 'List what can be asked with `help`.',
  fault: 'request',
};

export const NO_TEXT_FLAG: ProblemKind = {
  code: 'CLI_FLAG_WITHOUT_VALUE',
  retry: 'never',
  hint: 'Write the value behind the flag.',
  fault: 'request',
};
