/** What `alerts` answers, as people read it. */
import { expect, test } from 'vitest';

import { alertLines } from '../../../src/alerts/words.ts';

const AT = '2026-11-22T04:09:00.000000Z';
const QUIET = { pager: 'PagerDuty at h', open: [], waiting: [], lastAcceptedAt: null, test: null };

test('alertLines() says who is told, and what was taken last', () => {
  expect(alertLines({ ...QUIET, runId: 'r-1' })).toEqual([
    'Pages go to PagerDuty at h, which has taken none yet',
    'No page is open',
  ]);
  expect(alertLines({ ...QUIET, lastAcceptedAt: AT })?.[0]).toContain(
    'which took the last one at 2026-11-22 04:09:00 UTC',
  );
  expect(alertLines({ ...QUIET, pager: null })?.[0]).toContain('Nobody is paged');
});

test('alertLines() says of each page how far it is', () => {
  const page = { server: 'shop', code: 'PROOF_FAILED', since: AT };
  const open = [{ ...page, summary: 'shop FAILED', acceptedAt: null }];
  const tried = { action: 'trigger', attempts: 3, said: '503' };
  const waiting = [
    { ...page, ...tried, state: 'waiting' },
    { ...page, ...tried, state: 'refused', server: '', attempts: 1, said: null },
  ];

  expect(alertLines({ ...QUIET, open, waiting })?.slice(1)).toEqual([
    'Open, NOT accepted yet: shop FAILED (PROOF_FAILED of shop)',
    'Waits since 2026-11-22 04:09:00 UTC: trigger of PROOF_FAILED of shop, tried 3 times: 503',
    'Refused since 2026-11-22 04:09:00 UTC: trigger of PROOF_FAILED, tried once',
  ]);
});

test('alertLines() says what became of the test page', () => {
  const tested = { dedupKey: 'k', trigger: '202, success', resolve: '202, success' };

  expect(alertLines({ ...QUIET, test: tested })?.[1]).toBe(
    'The test page was taken (202, success) and taken back (202, success)',
  );
});

test('alertLines() knows no other answer', () => {
  expect(alertLines({ backups: [] })).toBeUndefined();
  expect(alertLines(null)).toBeUndefined();
});
