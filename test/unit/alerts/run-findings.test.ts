/** What the end of a run opens and closes: every verdict, at every try, by whoever asked. */
import { describe, expect, test } from 'vitest';

import {
  changesOf,
  type FailedCopy,
  failedChange,
  withoutGone,
} from '../../../src/alerts/run-findings.ts';
import type { RunRecord } from '../../../src/catalog/runs.ts';
import type { Verdict } from '../../../src/kernel/verdict.ts';
import { runRecord } from '../../support/run-record.ts';

const BACKUPS = ['20261120T010000Z', '20261121T010000Z', '20261122T010000Z'] as const;
const [OLD, MIDDLE, NEW] = BACKUPS;
const RETRIES = 2;
const PERSON = { kind: 'slack', id: 'U0ANA', name: 'ana', zone: 'UTC' };

function schedule(again: number, operation = 'verify') {
  const id = again === 0 ? `${operation}:shop` : `${operation}:shop#again-${again}`;
  return { kind: 'schedule', id, name: id, zone: 'UTC' };
}

interface Proof {
  readonly backupId?: string;
  readonly store?: string;
  readonly asker?: RunRecord['asker'];
  readonly failed?: readonly FailedCopy[];
}

function codesOf(run: RunRecord, failed: readonly FailedCopy[] = []): readonly string[] {
  return changesOf({ run, retries: RETRIES, failed }).map(
    ({ code, finding }) => `${finding === undefined ? 'closes' : 'opens'} ${code}`,
  );
}

function proofRun(verdict: Verdict, { backupId = NEW, store = 'here', asker = PERSON }: Proof) {
  const result = { verdict, backupId, store, title: `shop: ${verdict}`, next: 'Do this.' };
  const endedAt = '2026-11-22T04:09:00.000000Z';
  return runRecord('done', { operation: 'verify', danger: 'low', result, asker, endedAt });
}

function proved(verdict: Verdict, proof: Proof = {}) {
  return codesOf(proofRun(verdict, proof), proof.failed);
}

function copy(backupId: string, store: string): FailedCopy {
  return { backupId, store, runId: `r-${backupId}`, title: 'shop: FAIL', next: 'Do this.' };
}

describe('a proof', () => {
  test.each([PERSON, schedule(0), schedule(2)])('opens at FAIL, whoever asked', (asker) => {
    expect(proved('FAIL', { asker })).toEqual([
      'opens PROOF_FAILED',
      'closes PROOF_UNDECIDED',
      'closes PROOF_UNDECIDED:older',
    ]);
  });

  test.each([0, 1, 2, 3])('that cannot tell opens only when no try is left, here after %i', (n) => {
    const expected = n < RETRIES ? [] : ['opens PROOF_UNDECIDED'];

    expect(proved('ERROR', { asker: schedule(n) })).toEqual(expected);
    for (const state of ['failed', 'interrupted'] as const)
      expect(codesOf(runRecord(state, { operation: 'verify', asker: schedule(n) }))).toEqual(
        expected,
      );
  });

  test('of an older backup leaves open what nobody can tell of the newest', () => {
    const plan = { isNewest: false };

    for (const verdict of ['PASS', 'FAIL'] as const)
      expect(codesOf({ ...proofRun(verdict, {}), plan }).slice(1)).toEqual([
        'closes PROOF_UNDECIDED:older',
      ]);
    expect(codesOf({ ...proofRun('ERROR', { asker: schedule(2) }), plan })).toEqual([
      'opens PROOF_UNDECIDED:older',
    ]);
  });

  test('that cannot tell wakes nobody where a person is looking', () => {
    expect(proved('ERROR')).toEqual([]);
  });

  test.each([0, 2])('that was not looked at says nothing, at try %i', (again) => {
    expect(proved('SKIPPED', { asker: schedule(again), failed: [copy(NEW, 'here')] })).toEqual([]);
  });

  test.each(['cancelled', 'refused', 'expired'] as const)('that was %s says nothing', (state) => {
    expect(codesOf(runRecord(state, { operation: 'verify', asker: schedule(2) }))).toEqual([]);
  });

  test('whose answer nobody can read could not tell', () => {
    const run = runRecord('done', { operation: 'verify', result: {}, asker: schedule(RETRIES) });

    expect(codesOf(run)).toEqual(['opens PROOF_UNDECIDED']);
  });

  test.each([
    ['of the same copy', MIDDLE, 'here', 'closes'],
    ['of a newer backup in the same store', NEW, 'here', 'closes'],
    ['of an older backup in the same store', OLD, 'here', 'opens'],
    ['from another store', NEW, 'west', 'opens'],
  ])('that passes, %s, is %s %s: it %s the FAIL', (_what, backupId, store, verb) => {
    const failed = [copy(MIDDLE, 'here')];

    expect(proved('PASS', { backupId, store, failed })[0]).toBe(`${verb} PROOF_FAILED`);
  });

  test('that passes in one store leaves what failed in another', () => {
    const failed = [copy(OLD, 'west'), copy(NEW, 'here')];
    const run = proofRun('PASS', { backupId: NEW, store: 'here' });

    const [change] = changesOf({ run, retries: RETRIES, failed });

    expect(change?.finding).toMatchObject({ backupId: OLD, store: 'west', failed: [failed[0]] });
  });

  test('that fails again names each copy once, the newest last, and what to do next', () => {
    const failed = [copy(NEW, 'here'), copy(OLD, 'west')];
    const run = proofRun('FAIL', { backupId: NEW, store: 'here' });

    const [change] = changesOf({ run, retries: RETRIES, failed });

    expect(change?.finding?.failed?.map(({ backupId, store }) => [backupId, store])).toEqual([
      [OLD, 'west'],
      [NEW, 'here'],
    ]);
    expect(change?.finding).toMatchObject({
      severity: 'page',
      runId: run.runId,
      hint: 'Do this.',
      summary: `shop: FAIL: backup ${NEW} in "here" FAILED its proof, and 1 more before it`,
    });
  });
});

describe('a copy that failed', () => {
  test('is over when nobody stores it any more', () => {
    const failed = [copy(OLD, 'here'), copy(NEW, 'here')];
    const stored = [
      { backupId: NEW, store: 'here' },
      { backupId: OLD, store: 'west' },
    ];

    expect(withoutGone(failed, stored)).toEqual([failed[1]]);
    expect(failedChange('shop', [], null).finding).toBeUndefined();
  });
});

describe('a backup', () => {
  const problem = { message: 'Cannot reach "shop"', hint: 'Start it.', code: 'X' };

  function ended(state: RunRecord['state'], asker: RunRecord['asker']) {
    return codesOf(runRecord(state, { operation: 'backup', asker, problem }));
  }

  test.each(['failed', 'interrupted'] as const)('of the schedule that %s opens', (state) => {
    expect(ended(state, schedule(0, 'backup'))).toEqual(['opens BACKUP_FAILED']);
  });

  test('that a person asked for, or cancelled, wakes nobody', () => {
    expect(ended('failed', PERSON)).toEqual([]);
    expect(ended('cancelled', schedule(0, 'backup'))).toEqual([]);
  });

  test('that is done closes, whoever asked', () => {
    expect(ended('done', PERSON)).toEqual(['closes BACKUP_FAILED']);
  });
});

test.each(['verify', 'backup'])('a %s that another one held back says nothing', (operation) => {
  const problem = { code: 'GATE_LEASE_HELD', message: 'Held', hint: 'Wait.' };
  const asker = schedule(RETRIES, operation);

  expect(codesOf(runRecord('failed', { operation, asker, problem }))).toEqual([]);
});

test('other runs say nothing', () => {
  expect(codesOf(runRecord('failed', { operation: 'restore', asker: schedule(0) }))).toEqual([]);
  expect(codesOf(runRecord('failed', { operation: 'keys', server: null }))).toEqual([]);
});
