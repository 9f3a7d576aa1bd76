/** How long ago the newest backup was proved: only a PASS of it counts. */
import { expect, test } from 'vitest';

import type { RunRecord } from '../../../src/catalog/runs.ts';
import { lastPassAt } from '../../../src/monitoring/proofs.ts';
import { runRecord } from '../../support/run-record.ts';

const NOW = Temporal.Instant.from('2026-11-22T15:00:00Z');

function proof(verdict: string, hour: number, change: Partial<RunRecord> = {}): RunRecord {
  const endedAt = `2026-11-22T${String(hour).padStart(2, '0')}:00:00.000000Z`;
  const plan = { isNewest: true };
  return runRecord('done', { operation: 'verify', result: { verdict }, plan, endedAt, ...change });
}

test('lastPassAt() is set by PASS alone', () => {
  const runs = [proof('SKIPPED', 7), proof('ERROR', 6), proof('FAIL', 5), proof('PASS', 4)];

  expect(lastPassAt(runs, NOW)).toBe('2026-11-22T04:00:00.000000Z');
  expect(lastPassAt(runs.slice(0, 3), NOW)).toBeUndefined();
});

test('lastPassAt() takes no older backup for the newest, whether the plan or the answer says so', () => {
  const older = [
    proof('PASS', 6, { plan: { isNewest: false } }),
    proof('PASS', 5, { result: { verdict: 'PASS', isNewest: false } }),
    proof('PASS', 3, { plan: {} }),
  ];

  expect(lastPassAt(older, NOW)).toBe('2026-11-22T03:00:00.000000Z');
});

test('lastPassAt() believes no PASS that a clock dated which ran ahead', () => {
  const runs = [proof('PASS', 16), proof('PASS', 4)];

  expect(lastPassAt(runs, NOW)).toBe('2026-11-22T04:00:00.000000Z');
  expect(lastPassAt(runs.slice(0, 1), NOW)).toBeUndefined();
});

test('lastPassAt() heeds proofs only', () => {
  expect(lastPassAt([proof('PASS', 4, { operation: 'keys' })], NOW)).toBeUndefined();
});
