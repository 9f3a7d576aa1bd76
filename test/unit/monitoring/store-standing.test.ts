/** How far each store is, and which of them the objective heeds. */
import { describe, expect, test } from 'vitest';

import type { BackupRecord, WalProgressRecord } from '../../../src/catalog/records.ts';
import { backupIdAt } from '../../../src/kernel/ids.ts';
import {
  type StoreFacts,
  standingOfStores,
  worstRpo,
} from '../../../src/monitoring/store-standing.ts';

const NOW = Temporal.Instant.from('2026-11-22T15:00:00Z');

function row(store: string, at: string, storedLsn = '0/3000000'): WalProgressRecord {
  return {
    server: 'shop',
    store,
    systemId: '73',
    timeline: 1,
    storedLsn,
    serverLsn: '0/3000000',
    at: `2026-11-22T${at}.000000Z`,
  };
}

function backup(store: string, began: string): BackupRecord {
  return {
    server: 'shop',
    backupId: backupIdAt(Temporal.Instant.from(began)),
    store,
    summary: { endedAt: began },
    verdict: null,
    verifiedAt: null,
    verifyRunId: null,
  };
}

function facts(rows: readonly WalProgressRecord[], backups: readonly BackupRecord[]): StoreFacts {
  const progress = new Map(rows.map((one) => [one.store, one]));
  return { stores: ['here', 'west'], backups, progress, now: NOW };
}

describe('standingOfStores()', () => {
  test('takes a moment that a clock noted which ran ahead for no proof that nothing is at risk', () => {
    const [ahead] = standingOfStores(facts([row('here', '16:30:00')], []));
    const [nearly] = standingOfStores(facts([row('here', '15:00:30')], []));

    expect(ahead?.rpoSeconds).toBe(5400);
    expect(nearly?.rpoSeconds).toBe(0);
  });

  test('says of each store how far it is and which backups it lacks', () => {
    const backups = [
      backup('here', '2026-11-21T02:00:00Z'),
      backup('west', '2026-11-21T02:00:00Z'),
      backup('here', '2026-11-22T02:00:00Z'),
    ];

    const stores = standingOfStores(
      facts([row('here', '14:59:58'), row('west', '14:59:00', '0/2000000')], backups),
    );

    expect(stores).toMatchObject([
      { store: 'here', isFirst: true, counts: true, backups: 2, lateBackups: [], rpoSeconds: 2 },
      {
        store: 'west',
        isFirst: false,
        counts: true,
        backups: 1,
        lateBackups: ['20261122T020000Z'],
        lateSince: '2026-11-22T02:00:00Z',
        behindSeconds: 58,
        rpoSeconds: 60,
      },
    ]);
    expect(worstRpo(stores)).toBe(60);
  });

  test('heeds no store that has been behind for a quarter of an hour', () => {
    const stores = standingOfStores(
      facts([row('here', '14:59:58'), row('west', '14:44:58', '0/2000000')], []),
    );

    expect(stores[1]).toMatchObject({ counts: false, behindSeconds: 900, rpoSeconds: 902 });
    expect(worstRpo(stores)).toBe(2);
  });

  test('calls a store level that has all there is, however long nothing was written', () => {
    const stores = standingOfStores(facts([row('here', '14:00:00'), row('west', '13:00:00')], []));

    expect(stores[1]).toMatchObject({ counts: true, behindSeconds: 0 });
  });

  test('a store without any log yet is late, and of another timeline it is as if it had none', () => {
    const none = standingOfStores(facts([row('here', '14:59:58')], []));
    const old = { ...row('west', '10:00:00', '0/4000000'), timeline: 2 };
    const other = standingOfStores(facts([row('here', '14:59:58'), old], []));

    expect(none[1]).toMatchObject({ counts: false, behindSeconds: null, rpoSeconds: null });
    expect(other[1]).toMatchObject({ counts: false });
  });

  test('nothing is late where nothing was ever archived', () => {
    const stores = standingOfStores(facts([], []));

    expect(stores[1]).toMatchObject({ counts: true, behindSeconds: 0 });
    expect(worstRpo(stores)).toBeNull();
  });
});
