/** Whose turn it is to be proved. */
import { expect, test } from 'vitest';

import { newRunId } from '../../../src/kernel/ids.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { longestAgoFirst } from '../../../src/verification/choose-store.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

const STORES = ['here', 'west', 'far'].map((name) => ({ name, store: memoryStore() }));

function proved(store: string, verifiedAt: string) {
  const { backupId } = sampleBackup();
  const verifyRunId = newRunId(Temporal.Instant.from('2026-11-22T02:00:00Z'));
  return { server: 'shop', backupId, store, summary: {}, verdict: 'PASS', verifiedAt, verifyRunId };
}

function names(rows: Parameters<typeof longestAgoFirst>[1]): readonly string[] {
  return longestAgoFirst(STORES, rows).map(({ name }) => name);
}

test('longestAgoFirst() begins in the order of the config, with what was never proved', () => {
  expect(names([])).toEqual(['here', 'west', 'far']);
  expect(names([proved('here', '2026-11-20')])).toEqual(['west', 'far', 'here']);
});

test('longestAgoFirst() counts the newest proof of each store', () => {
  const rows = [
    proved('here', '2026-11-18'),
    proved('west', '2026-11-19'),
    proved('far', '2026-11-17'),
    proved('here', '2026-11-20'),
  ];

  expect(names(rows)).toEqual(['far', 'west', 'here']);
});
