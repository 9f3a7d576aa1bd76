/** A backup's summary for tests that need one and do not mind which. */
import type { BackupSummary } from '../../src/engines/engine.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { testServerName } from './folder-archive.ts';

export function sampleBackup(
  endedAt = '2026-11-22T02:00:05Z',
  other: Partial<BackupSummary> = {},
): BackupSummary {
  const began = Temporal.Instant.from(endedAt).subtract({ seconds: 5 });
  return {
    backupId: backupIdAt(began),
    server: testServerName('shop'),
    major: 15,
    systemId: '7341',
    timeline: 1,
    segmentBytes: 16 << 20,
    beginLsn: toLsn('0/2000028'),
    endLsn: toLsn('0/2000100'),
    beganAt: began.toString(),
    endedAt,
    sourceBytes: 1,
    storedBytes: 1,
    files: 1,
    packs: 1,
    keyId: 'k',
    damagedFiles: [],
    ...other,
  };
}
