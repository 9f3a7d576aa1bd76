/** What can be wrong with a schedule. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SCHEDULE_UNREADABLE: ProblemKind = {
  code: 'SCHEDULE_UNREADABLE',
  retry: 'never',
  hint: 'Write minute, hour, day of month, month and weekday, such as `0 2 * * *` for two at night.',
  fault: 'request',
};
