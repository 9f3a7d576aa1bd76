/** Tests of what Slack shows of a finished restore. */
import { expect, test } from 'vitest';

import { restoredBlocks } from '../../../../src/slack/messages/restore.ts';

const COMMAND = '`npx dbdr restore shop --to 5/41230000`';
const CLOCK = `This copy may not be the moment that you mean: the clock of shop went back by 6 h. ${'More words. '.repeat(60)}To have them: ${COMMAND}.`;

test('restoredBlocks() says first, and whole, that the copy may be another than was meant', () => {
  const others = [1, 2, 3, 4].map((n) => `WAL file ${n} is damaged in west`);
  const blocks = restoredBlocks(
    {
      reachedLsn: '5/30000000',
      reachedAt: '2026-11-22T09:59:58.000000Z',
      verification: 'The copy stood paused at 5/30000000 before it was opened.',
      warnings: [CLOCK, ...others],
    },
    'r-1',
  );
  const text = JSON.stringify(blocks);

  expect(text.indexOf('*Note*  This copy may not')).toBeGreaterThan(0);
  expect(text.indexOf('*Note*  This copy may not')).toBeLessThan(text.indexOf('*Reached*'));
  expect(text).toContain(COMMAND);
  expect(text).not.toContain('WAL file 3');
});
