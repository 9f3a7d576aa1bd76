/** Status and the probe over a real catalogue: what is known, what is noticed, what is over again. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName, newRunId } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { MonitoringDeps } from '../../src/monitoring/deps.ts';
import { probeService } from '../../src/monitoring/probe-service.ts';
import { statusOperation } from '../../src/monitoring/status-operation.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { SIGNAL, TERMINAL } from '../support/toy-gate.ts';

const NOW = Temporal.Instant.from('2026-11-22T15:00:00Z');
const BEGAN = Temporal.Instant.from('2026-11-22T02:00:00Z');
const CLOCK: Clock = { ...systemClock, now: () => NOW };

function depsOf(catalog: Catalog): MonitoringDeps {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError('Not a server');
  // Nobody listens there: what is remembered must do.
  const url = 'postgres://127.0.0.1:1/shop';
  const objectives = { rpoSeconds: 300, rtoSeconds: 1800, alarmHours: 26 };
  const servers = [{ name, url, stores: ['here'], ...objectives }];
  return { servers, catalog, clock: CLOCK, log: silentLog };
}

async function statusOf(deps: MonitoringDeps, server?: string) {
  const operation = statusOperation(deps);
  const { plan } = await operation.prepare({ server }, { actor: TERMINAL, signal: SIGNAL });
  return await operation.run(plan, {
    id: newRunId(NOW),
    actor: TERMINAL,
    signal: SIGNAL,
    log: silentLog,
    step: never,
    claim: never,
    release: never,
  });
}

function never(): Promise<never> {
  return Promise.reject(new TypeError('It only looks'));
}

async function rememberBackup(catalog: Catalog): Promise<void> {
  const backupId = backupIdAt(BEGAN);
  const summary = { endedAt: '2026-11-22T02:01:00.000000Z' };
  await catalog.backups.record({ server: 'shop', backupId, store: 'here', summary });
  await catalog.backups.markVerified({
    server: 'shop',
    backupId,
    store: 'here',
    verdict: 'PASS',
    at: '2026-11-22T04:06:00.000000Z',
    runId: newRunId(BEGAN),
  });
}

function walAt(at: string) {
  const place = { server: 'shop', store: 'here', systemId: '7', timeline: 1 };
  return { ...place, storedLsn: '0/5000000', serverLsn: '0/5000000', at };
}

describe('status', () => {
  test('says what the catalogue remembers while the server is down', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
    await rememberBackup(catalog);
    await catalog.walProgress.record(walAt('2026-11-22T14:59:58.000000Z'));

    expect(await statusOf(depsOf(catalog))).toEqual({
      servers: [
        {
          server: 'shop',
          lastBackupAt: '2026-11-22T02:01:00.000000Z',
          lastVerifiedAt: '2026-11-22T04:06:00.000000Z',
          // Of the run that proved it nothing is known.
          hoursSinceLastPass: null,
          recoverableFrom: '2026-11-22T02:01:00.000000Z',
          recoverableTo: '2026-11-22T14:59:58.000000Z',
          rpoSeconds: 2,
          rtoSeconds: null,
          stores: [
            {
              store: 'here',
              isFirst: true,
              counts: true,
              backups: 1,
              lastBackupAt: '2026-11-22T02:01:00.000000Z',
              lateBackups: [],
              lateSince: null,
              storedLsn: '0/5000000',
              behindSeconds: 0,
              rpoSeconds: 2,
            },
          ],
          findings: [],
        },
      ],
      findings: [],
    });
  });

  test('says what belongs to no one server, whichever is asked for', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
    const at = '2026-11-22T14:00:00.000000Z';
    const words = { summary: 'The service does not stay up', hint: 'Look at the log.', since: at };
    const row = { code: 'SERVICE_FLAPPING', server: '' } as const;
    await catalog.findings.open({ ...row, finding: { ...row, severity: 'page', ...words }, at });

    for (const server of [undefined, 'shop'])
      expect(await statusOf(depsOf(catalog), server)).toMatchObject({
        servers: [{ server: 'shop' }],
        findings: [{ code: 'SERVICE_FLAPPING', server: '' }],
      });
  });

  test('refuses a server it does not know, with the near one', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    await using catalog = await openSqliteCatalog({ path, clock: CLOCK });

    await expect(statusOf(depsOf(catalog), 'shp')).rejects.toMatchObject({
      hint: 'Did you mean `shop`?',
    });
  });
});

describe('the probe', () => {
  test('opens what it notices, keeps its beginning, and closes what is over', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
    const deps = depsOf(catalog);
    await catalog.walProgress.record(walAt('2026-11-22T14:50:00.000000Z'));

    await probeOnce(deps);
    const noticed = await catalog.findings.list('shop');
    await rememberBackup(catalog);
    await catalog.walProgress.record(walAt('2026-11-22T14:59:59.000000Z'));
    await probeOnce(deps);

    expect(noticed).toMatchObject([{ code: 'ARCHIVING_BEHIND' }, { code: 'BACKUP_MISSING' }]);
    expect(await catalog.findings.list('shop')).toEqual([]);
  });
});

async function probeOnce(deps: MonitoringDeps): Promise<void> {
  const stop = new AbortController();
  await probeService(deps).run({ signal: stop.signal, ready: () => stop.abort() });
}
