/** When an approval counts, and every reason why not. */
import { describe, expect, test } from 'vitest';

import type { RunRecord } from '../../../src/catalog/runs.ts';
import {
  type ApprovalPolicy,
  approversOf,
  type Click,
  canBeSatisfied,
  judgeApproval,
} from '../../../src/gate/approvals.ts';
import type { Actor } from '../../../src/gate/people.ts';
import { runRecord } from '../../support/run-record.ts';

const NOW = Temporal.Instant.from('2026-11-22T14:46:00Z');
const POLICY: ApprovalPolicy = {
  high: 1,
  expires: Temporal.Duration.from('PT30M'),
  self: false,
};
const ANA: Actor = { kind: 'slack', id: 'U0ANA', name: 'Ana', zone: 'UTC' };
const BEN: Actor = { ...ANA, id: 'U0BEN', name: 'Ben' };
const TERMINAL: Actor = { ...ANA, kind: 'terminal' };

function waitingRun(change: Partial<RunRecord> = {}): RunRecord {
  return runRecord('waiting', change);
}

function decided(actor: Actor, decision: string): RunRecord['deciders'] {
  return [{ actor: { ...actor }, decision, at: '2026-11-22T14:45:00.000000Z', reason: null }];
}

function judge(change: Partial<Click>, policy = POLICY): string {
  const usual: Click = {
    run: waitingRun(),
    actor: BEN,
    roles: ['approver'],
    planHash: 'hash',
    reason: undefined,
    now: NOW,
  };
  const judgement = judgeApproval({ ...usual, ...change }, policy);
  if (judgement.outcome === 'may') return `may, of ${judgement.needed}`;
  return `${judgement.kind.code}: ${judgement.why}`;
}

describe('judgeApproval()', () => {
  test('lets an approver who did not ask approve the plan they saw', () => {
    expect(judge({})).toBe('may, of 1');
  });

  test('refuses the asker, unless the config says otherwise', () => {
    expect(judge({ actor: ANA })).toMatch(/^GATE_OWN_REQUEST/);
    expect(judge({ actor: ANA }, { ...POLICY, self: true })).toBe('may, of 1');
  });

  test('refuses a person without the role', () => {
    expect(judge({ roles: ['operator'] })).toBe('GATE_NOT_ALLOWED: Ben is not an approver');
  });

  test('refuses another plan than the one of the run, also one that was not named', () => {
    expect(judge({ planHash: 'other' })).toMatch(/^GATE_PLAN_CHANGED/);
    expect(judge({ planHash: undefined })).toMatch(/^GATE_PLAN_CHANGED/);
  });

  test.each([
    ['approved', 'approve', 'Already approved by Ana at 2026-11-22 14:45:00 UTC'],
    ['refused', 'refuse', 'Already refused by Ana at 2026-11-22 14:45:00 UTC'],
    ['cancelled', 'withdraw', 'Already withdrawn by Ana at 2026-11-22 14:45:00 UTC'],
  ] as const)('tells who was faster when it is %s', (state, decision, why) => {
    const run = waitingRun({ state, deciders: decided(ANA, decision) });

    expect(judge({ run })).toBe(`GATE_DECIDED_BEFORE: ${why}`);
  });

  test('says when it expired', () => {
    const run = waitingRun({ state: 'expired', endedAt: '2026-11-22T14:45:30.000000Z' });

    expect(judge({ run })).toBe('GATE_EXPIRED: It expired at 2026-11-22 14:45:30 UTC; ask again');
  });

  test('counts a person once', () => {
    const run = waitingRun({ deciders: decided(BEN, 'approve') });

    expect(judge({ run })).toMatch(/You already approved it/);
  });

  test('lets a terminal approve alone and for itself, but never without a reason', () => {
    const asker = { ...TERMINAL };
    const click = { run: waitingRun({ asker }), actor: TERMINAL };

    expect(judge({ ...click, reason: ' ' })).toMatch(/^GATE_REASON_MISSING/);
    expect(judge({ ...click, reason: 'Slack is down' }, { ...POLICY, high: 2 })).toBe('may, of 1');
  });
});

describe('canBeSatisfied()', () => {
  test.each([
    ['two others for one', { high: 1 }, ANA, ['U0ANA', 'U0BEN'], true],
    ['only the asker', { high: 1 }, ANA, ['U0ANA'], false],
    ['only the asker, who may', { high: 1, self: true }, ANA, ['U0ANA'], true],
    ['one other for two', { high: 2 }, ANA, ['U0ANA', 'U0BEN'], false],
    ['one person named twice for two', { high: 2 }, ANA, ['U0BEN', 'U0BEN'], false],
    ['nobody, at a terminal', { high: 2 }, TERMINAL, [], true],
  ] as const)('with %s', (...[, policy, asker, approvers, answer]) => {
    expect(canBeSatisfied({ policy: { ...POLICY, ...policy }, asker, approvers })).toBe(answer);
  });
});

describe('approversOf()', () => {
  test('names each person who approved once, and nobody who only cancelled', () => {
    const deciders = [decided(BEN, 'approve'), decided(BEN, 'approve'), decided(ANA, 'cancel')];

    expect(approversOf(waitingRun({ deciders: deciders.flat() }))).toEqual([BEN]);
  });
});
