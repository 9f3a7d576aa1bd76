/** Which of several copies is read: one that failed is set aside where it is, and nowhere else. */
import { expect, test } from 'vitest';

import { type Copy, chooseCopies, failedOnly, sayCopies } from '../../../src/recovery/copies.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

const [OLD, NEW] = [sampleBackup('2026-11-21T02:00:05Z'), sampleBackup('2026-11-22T02:00:05Z')];

function copy(summary: typeof OLD, store: string, isFailed = false): Copy {
  return { store: { name: store, store: memoryStore() }, summary, isFailed };
}

function found(base: typeof OLD) {
  const [fromLsn, toLsn] = [base.beginLsn, base.endLsn];
  const path = { runs: [], timeline: 1, fromLsn, toLsn, missing: [], broken: false };
  return { outcome: 'found', base, path, covered: 'yes' } as const;
}

test('chooseCopies() prefers a sound copy to the order of the stores', () => {
  const groups = chooseCopies([copy(NEW, 'here', true), copy(NEW, 'west'), copy(OLD, 'here')]);

  const names = groups.map((group) => group.map(({ store }) => store.name));
  expect(names).toEqual([['west', 'here'], ['here']]);
});

test('failedOnly() condemns a backup only when every copy failed', () => {
  const copies = [
    copy(OLD, 'here', true),
    copy(OLD, 'west', true),
    copy(NEW, 'here', true),
    copy(NEW, 'west'),
  ];

  expect([...failedOnly(copies)]).toEqual([OLD.backupId]);
});

test('sayCopies() tells which copy was passed over, and that an earlier backup is used', () => {
  const copies = [copy(NEW, 'here', true), copy(NEW, 'west'), copy(OLD, 'here')];

  expect(sayCopies(copies, found(NEW))).toEqual([
    `The copy of backup ${NEW.backupId} in here failed its last proof or restore, so the one in west is used.`,
  ]);
  expect(sayCopies([copy(NEW, 'here', true), copy(OLD, 'here')], found(OLD))).toEqual([
    `Backup ${NEW.backupId} failed its last proof or restore, so an earlier one is used.`,
  ]);
});
