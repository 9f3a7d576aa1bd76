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
    beganAt: at.toString(),
    endedAt: at.toString(),
    sourceBytes: 10,
    storedBytes: 1,
    beginLsn: '0/1',
    endLsn: '0/2',
    damagedFiles: [],
  };
}

function proved(day: number, verdict: string, verifiedAt: string): BackupRecord {
  const { server } = backup(day);
  const at = Temporal.Instant.from('2026-11-01T02:00:00Z').add({ hours: 24 * day });
  return {
    server,
    backupId: backupIdAt(at),
    store: 'here',
    summary: { ...backup(day) },
    verdict,
    verifiedAt,
    verifyRunId: newRunId(NOW),
  };
}

test('mergeBackups() answers one line for each backup, oldest first, with all its stores', () => {
  const merged = mergeBackups(
    [
      { store: 'here', summary: backup(2) },
      { store: 'here', summary: backup(1) },
      { store: 'west', summary: backup(1) },
    ],
    [],
  );

  expect(merged.map(({ summary, stores }) => [summary.backupId, stores])).toEqual([
    [backup(1).backupId, ['here', 'west']],
    [backup(2).backupId, ['here']],
  ]);
});

test('mergeBackups() tells the newest verdict, of that backup only', () => {
  const [first, second] = mergeBackups(
    [
      { store: 'here', summary: backup(1) },
      { store: 'here', summary: backup(2) },
    ],
    [proved(1, 'FAIL', '2026-11-05'), proved(1, 'PASS', '2026-11-06')],
  );

  expect(first?.verified).toEqual({ verdict: 'PASS', at: '2026-11-06' });
  expect(second?.verified).toBeNull();
});

test('reportBackups() shows the newest and says how many are older', () => {
  const backups = mergeBackups(
    [1, 2, 3].map((day) => ({ store: 'here', summary: backup(day) })),
    [],
  );

  const report = reportBackups([{ backups, unreadable: [], unreachable: [] }], 2);

  expect(report.backups.map(({ backupId }) => backupId)).toEqual([
    backup(2).backupId,
    backup(3).backupId,
  ]);
  expect(report.older).toBe(1);
});
