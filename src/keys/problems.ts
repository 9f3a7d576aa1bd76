/** What the room of keys refuses, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const KEYS_CHANGED: ProblemKind = {
  code: 'KEYS_CHANGED',
  retry: 'never',
  hint: 'See with `keys check` which key is current now; ask for another rotation only if you want one more.',
  fault: 'refused',
};
