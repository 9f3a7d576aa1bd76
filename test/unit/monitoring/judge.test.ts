/** What a person should hear of. */
import { describe, expect, test } from 'vitest';

import { judge } from '../../../src/monitoring/judge.ts';
import type { Proofs } from '../../../src/monitoring/proofs.ts';
import type { Standing } from '../../../src/monitoring/standing.ts';
import type { StoreStanding } from '../../../src/monitoring/store-standing.ts';

const NOW = Temporal.Instant.from('2026-11-22T15:00:00Z');
const SERVER = { name: 'shop', rpoSeconds: 300, rtoSeconds: 1800, alarmHours: 26 };
const WELL: Standing = {
  lastBackupAt: '2026-11-22T02:00:00Z',
  lastVerifiedAt: '2026-11-22T04:00:00Z',
  recoverableFrom: '2026-11-08T02:00:00Z',
  recoverableTo: '2026-11-22T14:59:58Z',
  rpoSeconds: 2,
  rtoSeconds: 372,
  stores: [],
};

const PROVED: Proofs = { hoursSinceLastPass: 11, firstBackupAt: '2026-11-08T02:00:00Z' };

function codes(standing: Partial<Standing>, slot?: { keptBytes: number; safeBytes: number }) {
  const proofs = PROVED;
  const facts = { server: SERVER, standing: { ...WELL, ...standing }, proofs, now: NOW };
  return judge({ ...facts, slot }).map(({ code }) => code);
}

function dueAt(at: string): string[] {
  const backupDueAt = Temporal.Instant.from(at);
  const facts = { server: SERVER, standing: WELL, proofs: PROVED, now: NOW };
  return judge({ ...facts, backupDueAt }).map(({ code }) => code);
}

function proved(proofs: Partial<Proofs>, alarmHours = 26) {
  const server = { ...SERVER, alarmHours };
  return judge({ server, standing: WELL, proofs: { ...PROVED, ...proofs }, now: NOW });
}

describe('judge()', () => {
  test('has nothing to say when all is well', () => {
    expect(codes({})).toEqual([]);
  });

  test('says that there is no backup, and then asks for no proof of it', () => {
    const standing = { ...WELL, lastBackupAt: null, lastVerifiedAt: null };
    const proofs = { hoursSinceLastPass: null, firstBackupAt: null };

    const findings = judge({ server: SERVER, standing, proofs, now: NOW });

    expect(findings.map(({ code }) => code)).toEqual(['BACKUP_MISSING']);
  });

  test('pages when a due backup did not come, however well the old one was proved', () => {
    expect(dueAt('2026-11-22T01:00:00Z')).toEqual([]);
    expect(dueAt('2026-11-22T02:00:01Z')).toEqual(['BACKUP_OVERDUE']);
  });

  test('pages when the last PASS is 26 hours old, and not before', () => {
    expect(proved({ hoursSinceLastPass: 25.99 })).toEqual([]);
    expect(proved({ hoursSinceLastPass: 26 })).toMatchObject([
      {
        code: 'NOT_VERIFIED',
        severity: 'page',
        summary: 'The last proof of shop that passed is 26 h old, and should be at most 26 h',
      },
    ]);
    expect(proved({ hoursSinceLastPass: 27 }, 48)).toEqual([]);
  });

  test('gives a first backup as long to be proved, however many follow it each day', () => {
    const never = { hoursSinceLastPass: null };

    expect(proved({ ...never, firstBackupAt: '2026-11-21T13:00:01Z' })).toEqual([]);
    expect(proved({ ...never, firstBackupAt: '2026-11-21T13:00:00Z' })).toMatchObject([
      { code: 'NOT_VERIFIED', severity: 'page' },
    ]);
    expect(proved({ ...never, firstBackupAt: null })).toEqual([]);
  });

  test('pages when the stored WAL is further behind than the objective', () => {
    expect(codes({ rpoSeconds: 300 })).toEqual([]);
    expect(codes({ rpoSeconds: 300.1 })).toEqual(['ARCHIVING_BEHIND']);
  });

  test('pages while a slot has still a quarter of its room', () => {
    expect(codes({}, { keptBytes: 75, safeBytes: 25 })).toEqual([]);
    expect(codes({}, { keptBytes: 76, safeBytes: 24 })).toEqual(['SLOT_HEADROOM_LOW']);
    expect(codes({}, { keptBytes: 100, safeBytes: -1 })).toEqual(['SLOT_HEADROOM_LOW']);
  });

  test.each([
    [60, []],
    [-60, []],
    [61, ['warn']],
    [-900, ['warn']],
    [3600, ['page']],
    [-901, ['page']],
  ])(
    'compares our clock with the server, %i seconds ahead: %o',
    (clockAheadSeconds, severities) => {
      const facts = { server: SERVER, standing: WELL, proofs: PROVED, now: NOW };

      expect(judge({ ...facts, clockAheadSeconds }).map(({ severity }) => severity)).toEqual(
        severities,
      );
    },
  );

  test('names a prepared transaction that was left for an hour, and how it ends; wakes nobody', () => {
    const facts = { server: SERVER, standing: WELL, proofs: PROVED, now: NOW };
    const young = { gid: 'young', database: 'shop', owner: 'app', ageSeconds: 3599 };
    const old = { ...young, gid: "order's", ageSeconds: 10_800 };

    expect(judge({ ...facts, prepared: [young] })).toEqual([]);
    expect(judge({ ...facts, prepared: [old, young] })).toMatchObject([
      {
        code: 'PREPARED_TRANSACTION_LEFT',
        severity: 'warn',
        summary: `A prepared transaction on shop should have ended within 1 h: "order's" in database shop of role app, prepared 3 h ago; until then vacuum is held back, locks are kept, and every restored copy holds it too`,
        hint: "Ask whoever made it how it should end, then connect to database shop as app or as a superuser and run `COMMIT PREPARED 'order''s';` or `ROLLBACK PREPARED 'order''s';`.",
      },
    ]);
  });

  test('says on which side a clock is', () => {
    const facts = { server: SERVER, standing: WELL, proofs: PROVED, now: NOW };

    expect(judge({ ...facts, clockAheadSeconds: 3600 })).toMatchObject([
      {
        code: 'CLOCK_DIFFERS',
        summary: expect.stringContaining('1 h ahead of that of shop') as unknown,
      },
    ]);
  });

  test('says that a restore takes longer than the objective', () => {
    expect(codes({ rtoSeconds: 1801 })).toEqual(['RESTORE_TOO_SLOW']);
  });

  test('says which copies are late: the log by a quarter of an hour, a backup by six', () => {
    const west: StoreStanding = {
      store: 'west',
      isFirst: false,
      counts: true,
      backups: 3,
      lastBackupAt: '2026-11-22T02:00:00Z',
      lateBackups: [],
      lateSince: null,
      storedLsn: '0/3000000',
      behindSeconds: 0,
      rpoSeconds: 2,
    };
    const late = { ...west, lateBackups: ['20261122T080000Z'] };

    expect(codes({ stores: [west] })).toEqual([]);
    expect(codes({ stores: [{ ...west, counts: false, behindSeconds: 900 }] })).toEqual([
      'MIRROR_BEHIND',
    ]);
    expect(codes({ stores: [{ ...late, lateSince: '2026-11-22T09:00:01Z' }] })).toEqual([]);
    expect(codes({ stores: [{ ...late, lateSince: '2026-11-22T09:00:00Z' }] })).toEqual([
      'MIRROR_BEHIND',
    ]);
  });

  test('pages once a second region has been late for hours, and names each store', () => {
    const store = {
      isFirst: false,
      counts: false,
      backups: 0,
      lastBackupAt: null,
      lateBackups: ['20261122T020000Z', '20261121T020000Z'],
      lateSince: '2026-11-21T02:05:00Z',
      storedLsn: null,
      rpoSeconds: null,
    };
    const stores = [
      { ...store, store: 'west', behindSeconds: 6 * 3600 },
      { ...store, store: 'east', behindSeconds: null },
    ];

    const standing = { ...WELL, stores };
    const [finding] = judge({ server: SERVER, standing, proofs: PROVED, now: NOW });

    expect(finding).toMatchObject({ code: 'MIRROR_BEHIND', severity: 'page' });
    expect(finding?.summary).toBe(
      'The store "west" is 6 h behind with the log of shop and lacks 2 backups, and should be a full copy; ' +
        'The store "east" has no log of shop yet and lacks 2 backups, and should be a full copy',
    );
  });
});
