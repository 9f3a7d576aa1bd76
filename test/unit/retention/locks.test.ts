import { describe, expect, test } from 'vitest';

import { lockOfKept, lockOfNew } from '../../../src/retention/locks.ts';
import { RULES } from '../../support/retention-days.ts';

const NOW = Temporal.Instant.from('2026-11-24T02:00:00Z');
const WHEN = { now: NOW, zone: 'UTC' };
const FOLDER = 'shop/15-7341';

function kept(beganAt: string, change: Partial<Parameters<typeof lockOfKept>[0]> = {}): string {
  const backup = { beganAt, tiers: [], holds: [], ...change };
  return lockOfKept(backup, RULES, { at: NOW, zone: 'UTC' }).toString();
}

describe('lockOfNew()', () => {
  test('locks what every backup and every piece of log must stay for, and nothing else', () => {
    const segment = `${FOLDER}/wal/00000001/000000010000000000000003-${'a'.repeat(32)}`;

    expect(lockOfNew(`${FOLDER}/base/20261124T020000Z/pack-0001`, RULES, WHEN)?.toString()).toBe(
      '2026-12-03T02:00:00Z',
    );
    expect(lockOfNew(segment, RULES, WHEN)?.toString()).toBe('2026-12-03T02:00:00Z');
    expect(lockOfNew(`${FOLDER}/wal/00000002.history`, RULES, WHEN)?.toString()).toBe(
      '2027-12-24T02:00:00Z',
    );
    for (const part of ['tail/00000001/x/y', 'hold/a/b', 'thinned/00000001-0000000000000000'])
      expect(lockOfNew(`${FOLDER}/${part}`, RULES, WHEN)).toBeUndefined();
  });

  test('a longer window locks for longer than the daily backups', () => {
    const rules = { ...RULES, pitr: 'P30D' };

    expect(lockOfNew(`${FOLDER}/base/20261124T020000Z/manifest`, rules, WHEN)?.toString()).toBe(
      '2026-12-26T02:00:00Z',
    );
  });
});

describe('lockOfKept()', () => {
  test('promotes only once the period is over: until then a newer backup may stand for it', () => {
    const tiers = ['daily', 'weekly', 'monthly'] as const;

    expect(kept('2026-11-23T02:00:00Z', { tiers })).toBe('2026-12-02T02:00:00Z');
    expect(kept('2026-11-22T02:00:00Z', { tiers })).toBe('2026-12-27T02:00:00Z');
    expect(kept('2026-10-31T02:00:00Z', { tiers })).toBe('2027-11-30T02:00:00Z');
  });

  test('follows a hold to its end, and renews one that has none', () => {
    const hold = {
      holdId: '20261124T010000Z-aaaaaa',
      backupId: 'x',
      major: 15,
      systemId: '7341',
      reason: 'audit',
      placedAt: '2026-11-24T01:00:00.000000Z',
      by: 'ana',
    };

    expect(
      kept('2026-11-01T02:00:00Z', { holds: [{ ...hold, until: '2027-06-01T00:00:00Z' }] }),
    ).toBe('2027-06-01T00:00:00Z');
    expect(kept('2026-11-01T02:00:00Z', { holds: [{ ...hold, until: null }] })).toBe(
      '2026-12-31T00:00:00Z',
    );
  });
});
