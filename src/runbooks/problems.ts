/** Why a runbook cannot be used. */
import type { ProblemKind } from '../kernel/problem.ts';

export const RUNBOOK_UNREADABLE: ProblemKind = {
  code: 'RUNBOOK_UNREADABLE',
  retry: 'never',
  hint: 'Mend the page as `runbooks/README.md` describes, or follow it by hand.',
  fault: 'world',
};

export const RUNBOOK_MISSING: ProblemKind = {
  code: 'RUNBOOK_MISSING',
  retry: 'never',
  hint: 'Look into the folder `runbooks/` of the checkout that dbdr runs from.',
  fault: 'world',
};
