/** A run as it stands in the catalogue, for tests that only look at one. */
import type { RunRecord, RunState } from '../../src/catalog/runs.ts';
import { newRunId } from '../../src/kernel/ids.ts';

export function runRecord(state: RunState, change: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: newRunId(Temporal.Instant.from('2026-11-22T14:46:00Z')),
    operation: 'repair',
    server: 'shop',
    state,
    danger: 'high',
    input: {},
    plan: {},
    planHash: 'hash',
    outlook: null,
    asker: { kind: 'slack', id: 'U0ANA', name: 'Ana', zone: 'UTC' },
    deciders: [],
    audience: null,
    after: null,
    performer: null,
    askedAt: '2026-11-22T14:40:00.000000Z',
    expiresAt: null,
    startedAt: null,
    endedAt: null,
    result: null,
    problem: null,
    cancelAsked: false,
    ...change,
  };
}
