import { expect, test } from 'vitest';

import { damagedPlaces, damageFindings } from '../../../src/backup/report-damage.ts';
import type { BackupSummary } from '../../../src/engines/engine.ts';
import { backupIdAt } from '../../../src/kernel/ids.ts';
import { lsnFromBytes } from '../../../src/kernel/lsn.ts';
import { testServerName } from '../../support/folder-archive.ts';

const AT = '2026-11-24T02:00:00.000000Z';

function summary(more: Partial<BackupSummary> = {}): BackupSummary {
  return {
    backupId: backupIdAt(Temporal.Instant.from(AT)),
    server: testServerName('shop'),
    major: 15,
    systemId: '7',
    timeline: 1,
    segmentBytes: 1,
    beginLsn: lsnFromBytes(1n),
    endLsn: lsnFromBytes(2n),
    beganAt: AT,
    endedAt: AT,
    sourceBytes: 0,
    storedBytes: 0,
    files: 0,
    packs: 0,
    keyId: 'k1',
    damagedFiles: [],
    ...more,
  };
}

test('damageFindings() has nothing to say of a sound backup', () => {
  expect(damageFindings({ summary: summary(), store: 'here', damage: [] }, AT)).toEqual([]);
});

test('damageFindings() pages for damage on the server and for damage in the store, each by itself', () => {
  const damagedFiles = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `base/5/${name}`);
  const damagedBlocks = { 'base/5/a': [3, 9], 'base/5/b': [0] };
  const taken = {
    summary: summary({ damagedFiles, damagedBlocks }),
    store: 'here',
    damage: ['pack-0001 is cut'],
  };

  const findings = damageFindings(taken, AT);

  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ['BACKUP_SOURCE_DAMAGED', 'page'],
    ['BACKUP_READ_BACK_FAILED', 'page'],
  ]);
  expect(findings[0]?.summary).toContain(
    'in base/5/a (blocks 3, 9), base/5/b (block 0), base/5/c, base/5/d, base/5/e and 1 more while',
  );
  expect(findings[1]?.summary).toContain('the store "here" gave back other bytes');
});

test('damagedPlaces() names a file without blocks where PostgreSQL named none', () => {
  expect(damagedPlaces({ damagedFiles: ['a file that was not named'] })).toEqual([
    'a file that was not named',
  ]);
});
