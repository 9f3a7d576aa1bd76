/** Tests of what a person reads before a proof: above all what production pays. */
import { expect, test } from 'vitest';

import { explainProof } from '../../../src/verification/explain.ts';
import { VerifyPlan } from '../../../src/verification/plan.ts';

const PLAN = VerifyPlan.parse({
  server: 'shop',
  store: 'here',
  base: {
    backupId: '20261124T020000Z',
    server: 'shop',
    major: 15,
    systemId: '7',
    timeline: 1,
    segmentBytes: 16_777_216,
    beginLsn: '0/2000028',
    endLsn: '0/2000100',
    beganAt: '2026-11-24T02:00:00Z',
    endedAt: '2026-11-24T02:10:00Z',
    sourceBytes: 4_000_000_000,
    storedBytes: 672_000_000,
    files: 1000,
    packs: 12,
    keyId: 'k1',
    damagedFiles: [],
  },
  isNewest: true,
  databases: ['shop'],
  tables: 10,
  hash: 'part',
  cost: { snapshotSeconds: 3600, lockSeconds: 5, parallel: 2, fromStandby: false },
  maxAgeSeconds: 86_400,
  unreadable: [],
});

function factOf(plan: VerifyPlan, label: string): string | undefined {
  return explainProof(plan).facts.find(([name]) => name === label)?.[1];
}

test('explainProof() says what production pays at most', () => {
  expect(factOf(PLAN, 'Production pays')).toBe(
    'a message in its log; 2 sessions read in one snapshot of each database, 1 h old at most, waiting 5 s for a locked table at most',
  );
  expect(factOf(PLAN, 'Compares')).toBe(
    'row counts and contents (of large tables a seventh a day) of the 10 largest tables of shop',
  );
});

test('explainProof() says that a standby stands still where one is read instead', () => {
  const cost = { snapshotSeconds: 600, lockSeconds: 5, parallel: 1, fromStandby: true };

  expect(factOf({ ...PLAN, cost }, 'Production pays')).toBe(
    'a message in its log; a standby stands still for 10 min at most while 1 session reads, waiting 5 s for a locked table at most',
  );
});

test('explainProof() says that production is not asked where the backup itself says what it must hold', () => {
  const plan: VerifyPlan = { ...PLAN, isNewest: false, cost: null };

  expect(factOf(plan, 'Production pays')).toBe('nothing: it is not asked');
  expect(factOf(plan, 'At')).toBe('the position of its own proof point');
});
