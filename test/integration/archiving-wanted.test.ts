/** Log that somebody waits for is stored at once, and not when the time of its tail has come. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import {
  type ArchivingDeps,
  type ArchivingServer,
  archivingLease,
  createLogBells,
} from '../../src/archiving/deps.ts';
import { prepareSlot } from '../../src/archiving/prepare-slot.ts';
import { archivingService } from '../../src/archiving/services.ts';
import { archiveUntil } from '../../src/archiving/wait-for-wal.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;
let server: ArchivingServer;
let deps: ArchivingDeps;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog.db'), clock: systemClock });
  server = {
    name: testServerName('shop'),
    url: postgres.url(),
    storeName: 'here',
    store: memoryStore(),
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 3600,
  };
  deps = { catalog, clock: systemClock, log: silentLog };
  await prepareSlot(server, deps, { signal });
});

afterAll(async () => {
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** Answers its end. */
async function writeLog(): Promise<Lsn> {
  await postgres.query(`SELECT pg_logical_emit_message(true, 'test', 'x')`);
  const [row] = await postgres.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

async function isStored(lsn: Lsn): Promise<boolean> {
  const progress = await catalog.walProgress.find(server.name, 'here');
  return compareLsn(toLsn(progress?.storedLsn ?? '0/0'), lsn) >= 0;
}

test('archiveUntil() stores it where nobody archives', async () => {
  const lsn = await writeLog();

  await archiveUntil({ server, lsn, deps, holder: 'a backup', signal });

  expect(await isStored(lsn)).toBe(true);
});

test('archiveUntil() has it stored by the service of this process, which goes on', async () => {
  const stopping = new AbortController();
  const now = deps.clock.now();
  const until = utcText(now.add({ minutes: 10 }));
  await catalog.leases.take(archivingLease(server.name), 'the service', until, utcText(now));
  const shared = { ...server, bells: createLogBells() };
  let isReady = false;
  const running = archivingService(shared, deps).run({
    signal: stopping.signal,
    ready: () => {
      isReady = true;
    },
  });
  // It is ready when it has stored something, for which the time has not come.
  await waitUntil(async () => {
    shared.bells.wanted.ring();
    return Promise.resolve(isReady);
  });

  for (let times = 0; times < 3; times += 1) {
    const lsn = await writeLog();
    await archiveUntil({ server: shared, lsn, deps, holder: 'a proof', signal });
    expect(await isStored(lsn)).toBe(true);
  }
  stopping.abort();
  await running;
  await catalog.leases.release(archivingLease(server.name), 'the service');
});
