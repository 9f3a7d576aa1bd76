import { expect, test } from 'vitest';

import type { Verdict } from '../../../src/kernel/verdict.ts';
import { ownVerdict } from '../../../src/verification/own-verdict.ts';

const GOOD: { readonly [check: string]: Verdict } = {
  Manifests: 'PASS',
  Production: 'PASS',
  'Stored objects': 'PASS',
  'Stored log': 'PASS',
  Restore: 'PASS',
  'Log position': 'PASS',
  '3 largest tables': 'PASS',
  'Latest transaction': 'PASS',
  'Indexes and pages': 'PASS',
};

function judged(change: { readonly [check: string]: Verdict }, isWhole = true): Verdict {
  const checks = Object.entries({ ...GOOD, ...change }).map(([check, verdict]) => ({
    check,
    verdict,
    detail: '',
    seconds: 0,
  }));
  const plan = { unreadable: [], passedOver: [], base: { damagedFiles: [] } };
  return ownVerdict({ plan, checks, isWhole });
}

test('ownVerdict() calls a copy bad only for what is its own', () => {
  expect(judged({})).toBe('PASS');
  for (const own of ['Stored objects', 'Restore', '3 largest tables', 'Indexes and pages'])
    expect(judged({ [own]: 'FAIL' })).toBe('FAIL');
});

test('ownVerdict() does not call a copy bad, or unproved, for log that another moment needs', () => {
  expect(judged({ 'Kept log': 'FAIL' })).toBe('PASS');
  expect(judged({ 'Kept log': 'ERROR' })).toBe('PASS');
});

test('ownVerdict() cannot tell where production is another cluster, idle, or its log is not stored', () => {
  expect(judged({ Production: 'FAIL' })).toBe('ERROR');
  expect(judged({ 'Latest transaction': 'FAIL' })).toBe('ERROR');
  const late = {
    'Stored log': 'FAIL',
    'Log position': 'FAIL',
    '3 largest tables': 'FAIL',
  } as const;
  expect(judged(late)).toBe('ERROR');
  expect(judged({ ...late, Restore: 'FAIL' })).toBe('FAIL');
});

test('ownVerdict() calls a copy bad whose own log is not whole, or that ends early although its log is there', () => {
  expect(judged({ 'Stored log': 'FAIL' }, false)).toBe('FAIL');
  expect(judged({ 'Log position': 'FAIL' })).toBe('FAIL');
});

test('ownVerdict() does not call a copy proved that was compared with nothing', () => {
  const alone = { 'Log position': 'SKIPPED', '3 largest tables': 'SKIPPED' } as const;
  expect(judged(alone)).toBe('SKIPPED');
  expect(judged({ ...alone, 'Indexes and pages': 'FAIL' })).toBe('FAIL');
});
