import { expect, test } from 'vitest';

import { copyFacts } from '../../../src/monitoring/copy-words.ts';

const FIRST = {
  store: 'here',
  isFirst: true,
  counts: true,
  backups: 2,
  lastBackupAt: '2026-11-22T02:00:00Z',
  lateBackups: [],
  lateSince: null,
  storedLsn: '0/3000000',
  behindSeconds: 0,
  rpoSeconds: 2,
};
const WEST = { ...FIRST, store: 'west', isFirst: false };

test('copyFacts() says of each copy whether it is level and what it lacks', () => {
  const late = { ...WEST, store: 'east', backups: 1, behindSeconds: 1200, counts: false };

  expect(copyFacts([FIRST, WEST, { ...late, lateBackups: ['20261122T020000Z'] }])).toEqual([
    ['Copy in west', 'level, 2 backups'],
    ['Copy in east', '20 min behind, 1 backup, 1 not there yet; not waited for'],
  ]);
});

test('copyFacts() has nothing to say of a single store, or of what it cannot read', () => {
  expect(copyFacts([FIRST])).toEqual([]);
  expect(copyFacts([{ store: 'west' }])).toEqual([]);
  expect(copyFacts(undefined)).toEqual([]);
});
