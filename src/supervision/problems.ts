/** What can stop a service from outside. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SERVICE_LEASE_LOST: ProblemKind = {
  code: 'SERVICE_LEASE_LOST',
  retry: 'later',
  hint: 'See that only one bot serves this server, and that its host neither sleeps nor runs out of disk.',
  fault: 'world',
};
