/** What a run's message says of its page. */
import { expect, test } from 'vitest';

import { type Paged, sayPaged } from '../../../src/alerts/paged.ts';

test.each([
  [
    { outcome: 'accepted', by: 'PagerDuty', at: '2026-11-22T04:09:59.000000Z' },
    'page accepted by PagerDuty at 04:09 UTC',
  ],
  [{ outcome: 'waiting', said: null }, 'the page has NOT been accepted yet'],
  [{ outcome: 'waiting', said: '503' }, 'the page has NOT been accepted yet: 503'],
  [{ outcome: 'refused', said: '400' }, 'the page has NOT been accepted: 400'],
  [{ outcome: 'over' }, 'nobody was woken: a later one had said that it is well'],
  [{ outcome: 'nobody' }, 'nobody is paged: no pager is configured'],
  [
    { outcome: 'again', at: '2026-11-22T04:24:00Z', attempt: 1, of: 2 },
    'tried again at 04:24 UTC, 1 of 2',
  ],
] satisfies [Paged, string][])('%o is said in words', (paged, words) => {
  expect(sayPaged(paged)).toBe(words);
});
