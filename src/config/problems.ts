/** What can be wrong with a config. */
import type { ProblemKind } from '../kernel/problem.ts';

export const CONFIG_MISSING: ProblemKind = {
  code: 'CONFIG_MISSING',
  retry: 'never',
  hint: 'Write one with `config example > dbdr.yaml`, or name yours with `--config FILE` or DBDR_CONFIG.',
  fault: 'request',
};

export const CONFIG_INVALID: ProblemKind = {
  code: 'CONFIG_INVALID',
  retry: 'never',
  hint: 'Correct the lines above, then look again with `config check`.',
  fault: 'request',
};
