import { expect, test } from 'vitest';

import { reportBackups } from '../../../src/backup/backups-operation.ts';
import { mergeBackups } from '../../../src/backup/found-backups.ts';
import type { StoredSummary } from '../../../src/backup/stored-summary.ts';
import type { BackupRecord } from '../../../src/catalog/records.ts';
import { backupIdAt, newRunId } from '../../../src/kernel/ids.ts';

const NOW = Temporal.Instant.from('2026-11-22T01:00:00Z');

function backup(day: number): StoredSummary {
  const at = Temporal.Instant.from('2026-11-01T02:00:00Z').add({ hours: 24 * day });
  return {
    backupId: backupIdAt(at),
    server: 'shop',
    major: 15,
    systemId: '7341',
    timeline: 1,
    segmentBytes: 1 << 24,
    beganAt: at.toString(),
    endedAt: at.toString(),
    sourceBytes: 10,
    storedBytes: 1,
    beginLsn: '0/1',
    endLsn: '0/2',
    damagedFiles: [],
  };
}

function proved(
  day: number,
  verdict: string,
  { verifiedAt, store = 'here' }: { readonly verifiedAt: string; readonly store?: string },
): BackupRecord {
  const { server } = backup(day);
  const at = Temporal.Instant.from('2026-11-01T02:00:00Z').add({ hours: 24 * day });
  return {
    server,
    backupId: backupIdAt(at),
    store,
    summary: { ...backup(day) },
    verdict,
    verifiedAt,
    verifyRunId: newRunId(NOW),
  };
}

test('mergeBackups() answers one line for each backup, oldest first, with all its stores', () => {
  const held = [
    { store: 'here', summary: backup(2) },
    { store: 'here', summary: backup(1) },
    { store: 'west', summary: backup(1) },
  ];

  const merged = mergeBackups({ held, remembered: [], unreadable: [] });

  expect(merged.map(({ summary, stores }) => [summary.backupId, stores])).toEqual([
    [backup(1).backupId, ['here', 'west']],
    [backup(2).backupId, ['here']],
  ]);
});

test('mergeBackups() tells the verdict of each copy, and a good one does not hide a bad one', () => {
  const held = ['here', 'west'].flatMap((store) => [
    { store, summary: backup(1) },
    { store, summary: backup(2) },
  ]);
  const fail = { verdict: 'FAIL', at: '2026-11-05' };
  const pass = { verdict: 'PASS', at: '2026-11-06' };
  const remembered = [
    proved(1, 'FAIL', { verifiedAt: fail.at }),
    proved(1, 'PASS', { verifiedAt: pass.at, store: 'west' }),
  ];

  const [first, second] = mergeBackups({ held, remembered, unreadable: [] });

  expect(first?.verified).toEqual(fail);
  expect(first?.copies).toEqual([
    { store: 'here', verified: fail, unreadable: null },
    { store: 'west', verified: pass, unreadable: null },
  ]);
  expect(second?.verified).toBeNull();
});

test('mergeBackups() takes no verdict of a store that no longer holds the backup', () => {
  const held = [{ store: 'here', summary: backup(1) }];
  const remembered = [proved(1, 'FAIL', { verifiedAt: '2026-11-05', store: 'west' })];

  expect(mergeBackups({ held, remembered, unreadable: [] })[0]?.verified).toBeNull();
});

test('mergeBackups() shows a copy that cannot be read beside the one that can', () => {
  const { backupId } = backup(1);
  const key = `shop/15-7341/base/${backupId}/manifest`;

  const [merged] = mergeBackups({
    held: [{ store: 'west', summary: backup(1) }],
    remembered: [],
    unreadable: [{ store: 'here', key, reason: 'It is cut' }],
  });

  expect(merged?.stores).toEqual(['west']);
  expect(merged?.copies).toEqual([
    { store: 'west', verified: null, unreadable: null },
    { store: 'here', verified: null, unreadable: 'It is cut' },
  ]);
});

test('reportBackups() shows the newest and says how many are older', () => {
  const held = [1, 2, 3].map((day) => ({ store: 'here', summary: backup(day) }));
  const backups = mergeBackups({ held, remembered: [], unreadable: [] });
  const shown = backups.slice(-2).map((one) => ({ ...one, walComplete: true }));

  const report = reportBackups({ backups, unreadable: [], unreachable: [] }, shown);

  expect(report.backups.map(({ backupId }) => backupId)).toEqual([
    backup(2).backupId,
    backup(3).backupId,
  ]);
  expect(report.older).toBe(1);
});
