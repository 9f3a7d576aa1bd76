import { expect, test } from 'vitest';
import type { BackupRecord, WalProgressRecord } from '../../../src/catalog/records.ts';
import { backupIdAt, isServerName, newRunId } from '../../../src/kernel/ids.ts';
import { readStanding, type StandingDeps } from '../../../src/monitoring/standing.ts';
import { fakeClock } from '../../support/fake-clock.ts';

function backup(endedAt: string, rest: Partial<BackupRecord> & { damagedFiles?: string[] } = {}) {
  const { damagedFiles = [], ...row } = rest;
  return {
    server: 'shop',
    backupId: backupIdAt(Temporal.Instant.from(endedAt)),
    store: 'here',
    summary: { endedAt, damagedFiles },
    verdict: null,
    verifiedAt: null,
    verifyRunId: null,
    ...row,
  } satisfies BackupRecord;
}

async function standing(
  backups: readonly BackupRecord[],
  log?: WalProgressRecord,
): ReturnType<typeof readStanding> {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  const catalog: StandingDeps['catalog'] = {
    backups: { list: async () => backups },
    walProgress: { find: async () => log },
    runs: { list: async () => [] },
  };
  const server = { name, url: '', stores: ['here'], rpoSeconds: 1, rtoSeconds: 1, alarmHours: 26 };
  return await readStanding(server, { catalog, clock: fakeClock() });
}

test('readStanding() counts no backup that was damaged when it was taken, or found bad since', async () => {
  const found = await standing([
    backup('2026-11-19T02:00:00.000000Z', { verdict: 'FAIL' }),
    backup('2026-11-20T02:00:00.000000Z'),
    backup('2026-11-21T02:00:00.000000Z', { verdict: 'FAIL' }),
    backup('2026-11-22T02:00:00.000000Z', { damagedFiles: ['base/5/2619'] }),
  ]);

  expect(found.lastBackupAt).toBe('2026-11-20T02:00:00.000000Z');
  expect(found.recoverableFrom).toBe('2026-11-20T02:00:00.000000Z');
});

test('readStanding() says that there is none when all of them are damaged', async () => {
  const found = await standing([
    backup('2026-11-22T02:00:00.000000Z', { damagedFiles: ['base/5/2619'] }),
  ]);

  expect(found).toMatchObject({ lastBackupAt: null, recoverableFrom: null, recoverableTo: null });
});

test('readStanding() counts a backup that one copy of is not known to be bad', async () => {
  const found = await standing([
    backup('2026-11-22T02:00:00.000000Z', { verdict: 'FAIL' }),
    backup('2026-11-22T02:00:00.000000Z', { store: 'west' }),
  ]);

  expect(found.lastBackupAt).toBe('2026-11-22T02:00:00.000000Z');
});

test('readStanding() counts no backup whose own log is not stored, unless another timeline tells', async () => {
  const [endedAt, at] = ['2026-11-22T02:00:00.000000Z', '2026-11-22T02:00:01.000000Z'];
  const place = { systemId: '7', timeline: 1 };
  const summary = { endedAt, damagedFiles: [], endLsn: '0/5000100', ...place };
  const log = { server: 'shop', store: 'here', serverLsn: '0/6000000', at, ...place };
  async function lastBackupAt(progress: Partial<WalProgressRecord>): Promise<string | null> {
    const row = { ...log, storedLsn: '0/5000000', ...progress };
    return (await standing([backup(endedAt, { summary })], row)).lastBackupAt;
  }

  expect(await lastBackupAt({})).toBeNull();
  expect(await lastBackupAt({ storedLsn: '0/5000100' })).toBe(endedAt);
  expect(await lastBackupAt({ timeline: 2 })).toBe(endedAt);
});

test('readStanding() counts no backup whose proof point cannot be reached yet', async () => {
  const [endedAt, at] = ['2026-11-22T02:00:00.000000Z', '2026-11-22T02:00:01.000000Z'];
  const place = { systemId: '7', timeline: 1 };
  const lsns = { endLsn: '0/5000100', proofLsn: '0/6000200' };
  const log = { server: 'shop', store: 'here', serverLsn: '0/7000000', at, ...place };
  const taken = backup(endedAt, { summary: { endedAt, damagedFiles: [], ...lsns, ...place } });
  async function lastBackupAt(storedLsn: string): Promise<string | null> {
    return (await standing([taken], { ...log, storedLsn })).lastBackupAt;
  }

  expect(await lastBackupAt('0/60001F8')).toBeNull();
  expect(await lastBackupAt('0/6000200')).toBe(endedAt);
});

test('readStanding() takes the proof of an older backup for none of the server as it is', async () => {
  function proved(endedAt: string, asked: string): BackupRecord {
    const at = Temporal.Instant.from(asked);
    const verifiedAt = at.add({ hours: 3 }).toString({ smallestUnit: 'microsecond' });
    return backup(endedAt, { verdict: 'PASS', verifiedAt, verifyRunId: newRunId(at) });
  }
  const old = proved('2026-08-31T02:00:00.000000Z', '2026-11-22T05:00:00Z');
  const daily = proved('2026-11-21T02:00:00.000000Z', '2026-11-21T04:00:00Z');
  // It ended while the daily proof was running.
  const next = backup('2026-11-21T06:00:00.000000Z');

  expect((await standing([old, daily, next])).lastVerifiedAt).toBe('2026-11-21T07:00:00.000000Z');
  expect((await standing([old, next])).lastVerifiedAt).toBeNull();
});

test('readStanding() lets no backup pass for the newest that a clock dated which ran ahead', async () => {
  const found = await standing([
    backup('2026-11-20T02:00:00.000000Z'),
    backup('2036-11-20T02:00:00.000000Z'),
  ]);

  expect(found.lastBackupAt).toBe('2026-11-20T02:00:00.000000Z');
  expect(await standing([backup('2036-11-20T02:00:00.000000Z')])).toMatchObject({
    lastBackupAt: '2036-11-20T02:00:00.000000Z',
  });
});
