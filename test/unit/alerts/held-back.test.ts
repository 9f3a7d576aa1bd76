/** A proof that found another one running has said nothing: it is asked for again by whoever saw that one end. */
import { expect, test } from 'vitest';

import { dueProofs } from '../../../src/alerts/retry-proof.ts';
import { changesOf } from '../../../src/alerts/run-findings.ts';
import { sampleRun } from '../../support/slack-samples.ts';

const NOW = Temporal.Instant.from('2026-11-22T05:30:00Z');

function weekly(code: string) {
  return sampleRun({
    operation: 'verify',
    state: 'failed',
    asker: { kind: 'schedule', id: 'verify-older:shop', name: 'schedule', zone: 'UTC' },
    endedAt: '2026-11-22T05:00:01.000000Z',
    problem: {
      code,
      message: 'Cannot start "verify"',
      hint: 'Wait.',
      retry: 'later',
      runbook: null,
    },
  });
}

test('a proof that was held back by another is neither tried again after a while nor paged', () => {
  const held = weekly('GATE_LEASE_HELD');

  expect(dueProofs([held], 2, NOW)).toEqual([]);
  expect(changesOf({ run: held, retries: 0, failed: [] })).toEqual([]);
});

test('one that failed for another reason is', () => {
  const failed = weekly('GATE_DEADLINE');

  expect(dueProofs([failed], 2, NOW)).toHaveLength(1);
  expect(changesOf({ run: failed, retries: 0, failed: [] })).toMatchObject([
    { code: 'PROOF_UNDECIDED', server: 'shop' },
  ]);
});
