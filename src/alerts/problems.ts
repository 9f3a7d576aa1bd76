/** Why the pager cannot be tried. */
import type { ProblemKind } from '../kernel/problem.ts';

export const NO_PAGER: ProblemKind = {
  code: 'ALERTS_NO_PAGER',
  retry: 'never',
  hint: 'Name one in `alerts.pagerduty` of the config: until then nobody is paged.',
  fault: 'request',
};

export const PAGER_REFUSED: ProblemKind = {
  code: 'ALERTS_PAGER_REFUSED',
  retry: 'never',
  hint: 'Compare `alerts.pagerduty.routing_key` and `url` with the integration "Events API v2" of the service in PagerDuty.',
  fault: 'world',
};

export const PAGER_UNREACHABLE: ProblemKind = {
  code: 'ALERTS_PAGER_UNREACHABLE',
  retry: 'later',
  hint: 'See whether this machine reaches it, for example with `curl`; what waits is sent by itself while `serve` runs.',
  fault: 'world',
};

export const TEST_LEFT_OPEN: ProblemKind = {
  code: 'ALERTS_TEST_LEFT_OPEN',
  retry: 'later',
  hint: 'Resolve the test page by hand in PagerDuty, then try `alerts --test` again.',
  fault: 'world',
};
