/** A problem as a terminal shows it. */
import { expect, test } from 'vitest';

import { problemText } from '../../../src/cli/problem-text.ts';

test('problemText() shows code, message, hint with its prefix, and runbook', () => {
  const problem = {
    code: 'NO_BACKUPS',
    message: 'Cannot restore "shop": it has no backup',
    hint: 'Take one with `backup shop`, or set `statement_timeout`.',
    runbook: 'point-in-time.md',
  };

  expect(problemText(problem, ['backup'])).toBe(
    [
      'Problem  NO_BACKUPS: Cannot restore "shop": it has no backup',
      '         Take one with `npx dbdr backup shop`, or set `statement_timeout`.',
      '         Runbook: runbooks/point-in-time.md',
      '',
    ].join('\n'),
  );
});
