/** Opening a copy that stands paused. */
import { expect, test } from 'vitest';

import { type OpenCopy, openCopy } from '../../../../src/recovery/point-in-time/open-copy.ts';
import { talkingSession } from '../../../support/copy-context.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

const { signal } = new AbortController();

test.each([
  { how: 'target', durable: false, words: 'SELECT pg_wal_replay_resume()' },
  { how: 'target', durable: true, words: 'SELECT pg_promote(false)' },
  { how: 'end of log', durable: false, words: 'SELECT pg_promote(false)' },
] satisfies readonly { how: OpenCopy['how']; durable: boolean; words: string }[])(
  'openCopy() of one at its $how (durable: $durable) says $words: going on would replay more, or flush it first',
  async ({ how, durable, words }) => {
    const asked: string[] = [];
    const session = talkingSession((sql) => {
      asked.push(sql);
      return [{ recovering: asked.length < 3 }];
    });
    const clock = { ...fakeClock(), sleep: async () => Promise.resolve() };

    await openCopy(session, { how, durable, clock, signal });

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

test('openCopy() of a durable one waits for as long as its disk takes', async () => {
  let asked = 0;
  const session = talkingSession(() => {
    asked += 1;
    return [{ recovering: asked < 20_000 }];
  });
  const clock = { ...fakeClock(), sleep: async () => Promise.resolve() };

  await openCopy(session, { how: 'target', durable: true, clock, signal });

  expect(asked).toBe(20_000);
});
