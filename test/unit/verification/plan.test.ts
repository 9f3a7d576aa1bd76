import { describe, expect, test } from 'vitest';

import type { BackupSummary } from '../../../src/engines/engine.ts';
import { backupIdAt, isServerName } from '../../../src/kernel/ids.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { chooseBackup } from '../../../src/verification/plan.ts';
import { type Proof, withWords } from '../../../src/verification/result.ts';

function backup(day: number): BackupSummary {
  const at = Temporal.Instant.from(`2026-11-${day}T02:00:00Z`);
  const server = 'shop';
  if (!isServerName(server)) throw new Error('It is one');
  return {
    backupId: backupIdAt(at),
    server,
    major: 15,
    systemId: '7',
    timeline: 1,
    segmentBytes: 16 * 1024 * 1024,
    beginLsn: toLsn('0/2000028'),
    endLsn: toLsn('0/2000100'),
    beganAt: at.toString(),
    endedAt: at.add({ minutes: 5 }).toString(),
    sourceBytes: 1,
    storedBytes: 1,
    files: 1,
    packs: 1,
    keyId: 'k1',
    damagedFiles: [],
  };
}

const [older, newest] = [backup(20), backup(22)];
const listing = { backups: [newest, older], unreadable: [] };
const wish = { server: 'shop', store: 'here', backup: undefined };

describe('chooseBackup()', () => {
  test('takes the newest, in whatever order the store lists them', () => {
    expect(chooseBackup(listing, wish)).toEqual({ base: newest, isNewest: true });
  });

  test('takes the one that was asked for', () => {
    const asked = { ...wish, backup: older.backupId };

    expect(chooseBackup(listing, asked)).toEqual({ base: older, isNewest: false });
  });

  test('suggests the near one for a slip', () => {
    const asked = { ...wish, backup: '20261122T020001Z' };

    expect(() => chooseBackup(listing, asked)).toThrow(
      expect.objectContaining({ hint: 'Did you mean `20261122T020000Z`?' }),
    );
  });

  test('says why nothing can be proved: none, or none that can be read', () => {
    const unreadable = [{ key: 'shop/15-7/base/x/manifest', reason: 'wrong key' }];

    expect(() => chooseBackup({ backups: [], unreadable: [] }, wish)).toThrow('there is none');
    expect(() => chooseBackup({ backups: [], unreadable }, wish)).toThrow('wrong key');
  });
});

describe('withWords()', () => {
  const proof: Proof = {
    runId: 'r-1',
    server: 'shop',
    store: 'here',
    backupId: newest.backupId,
    verdict: 'PASS',
    mode: 'bounded',
    shows: '',
    checks: [{ check: 'Production', verdict: 'ERROR', detail: '', seconds: 0 }],
    tables: [],
    leftOut: [],
    beganAt: '2026-11-24T04:20:00.000000Z',
    latestTransactionAt: '2026-11-24T04:19:58.123456Z',
    restoredToLsn: '0/3',
    sourceLsn: '0/3',
    rpoSeconds: 2,
    rtoSeconds: 372,
    tornDown: true,
    seconds: 400,
  };

  test('says to which moment it is restorable', () => {
    expect(withWords(proof, undefined).title).toBe('shop is restorable to 2026-11-24 04:19:58 UTC');
  });

  test('says since when the last good proof stands when one fails, and what to do', () => {
    const failed = withWords({ ...proof, verdict: 'FAIL' }, '2026-11-23T04:00:00.000000Z');

    expect(failed.title).toBe('shop could NOT be proved restorable');
    expect(failed.next).toContain('The last good proof stands, of 2026-11-23 04:00:00 UTC');
    expect(failed.next).toContain('`backup shop`');
  });

  test('names the check that could not be told', () => {
    expect(withWords({ ...proof, verdict: 'ERROR' }, undefined).next).toContain('"Production"');
  });
});
