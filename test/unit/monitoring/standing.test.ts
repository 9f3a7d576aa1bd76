import { expect, test } from 'vitest';
import type { BackupRecord } from '../../../src/catalog/records.ts';
import { backupIdAt, isServerName } from '../../../src/kernel/ids.ts';
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

async function standing(backups: readonly BackupRecord[]): ReturnType<typeof readStanding> {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  const catalog: StandingDeps['catalog'] = {
    backups: { list: async () => backups },
    walProgress: { find: async () => undefined },
    runs: { list: async () => [] },
  };
  const server = { name, url: '', stores: ['here'], rpoSeconds: 1, rtoSeconds: 1 };
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
