/** Opening a copy that stands paused. */
import { expect, test } from 'vitest';

import { type OpenCopy, openCopy } from '../../../../src/recovery/point-in-time/open-copy.ts';
import { talkingSession } from '../../../support/copy-context.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

const { signal } = new AbortController();

test.each([
  { how: 'target', words: 'SELECT pg_wal_replay_resume()' },
  { how: 'end of log', words: 'SELECT pg_promote(false)' },
] satisfies readonly { how: OpenCopy['how']; words: string }[])(
  'openCopy() of one at its $how says $words: where we paused it, going on would replay more',
  async ({ how, words }) => {
    const asked: string[] = [];
    const session = talkingSession((sql) => {
      asked.push(sql);
      return [{ recovering: asked.length < 3 }];
    });
    const clock = { ...fakeClock(), sleep: async () => Promise.resolve() };

    await openCopy(session, { how, clock, signal });

    expect(asked).toEqual([
      words,
      'SELECT pg_is_in_recovery() AS recovering',
      'SELECT pg_is_in_recovery() AS recovering',
    ]);
  },
);

test('openCopy() gives up on one that stays in recovery', async () => {
  const session = talkingSession(() => [{ recovering: true }]);
  const clock = { ...fakeClock(), sleep: async () => Promise.resolve() };

  const opening = openCopy(session, { how: 'target', clock, signal });

  await expect(opening).rejects.toMatchObject({ kind: { code: 'RECOVERY_FAILED' } });
});
