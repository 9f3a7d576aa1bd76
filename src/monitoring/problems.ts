/** What monitoring cannot answer. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'MONITORING_SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name a server of the config, or none for all of them.',
  fault: 'request',
};
