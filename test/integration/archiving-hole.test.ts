/** A slot that had to be made anew: the log before it is gone, and somebody must hear of it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import type { ArchivingDeps, ArchivingServer } from '../../src/archiving/deps.ts';
import { prepareSlot } from '../../src/archiving/prepare-slot.ts';
import { archive } from '../../src/archiving/services.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const { signal } = new AbortController();
const AT = '2026-11-24T12:00:00.000000Z';
let postgres: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog.db'), clock: systemClock });
});

beforeEach(async () => {
  await postgres.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await catalog.findings.close('ARCHIVING_LOG_HOLE', 'shop');
});

afterAll(async () => {
  await catalog[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test('notices the hole that a new slot leaves behind, because nothing can be brought past it', async () => {
  await storedUpTo('0/100000', 1);

  await archiveOnce();

  const [finding] = await catalog.findings.list('shop');
  expect(finding).toMatchObject({
    code: 'ARCHIVING_LOG_HOLE',
    severity: 'page',
    hint: 'Take a backup now with `backup shop`: from then on every moment can be reached again.',
  });
  expect(JSON.stringify(finding)).toMatch(
    /between 0\/100000 and 0\/1000000 \(15.7 MB, written between 2026-11-24 12:00:00 UTC and /,
  );
});

test('notices the hole between a timeline that was left and the slot of the next one', async () => {
  await storedUpTo('0/100000', 7);

  await archiveOnce();

  expect(await catalog.findings.list('shop')).toMatchObject([{ code: 'ARCHIVING_LOG_HOLE' }]);
});

test('sees no hole where the new slot begins within what is stored', async () => {
  await storedUpTo('FF/0', 1);

  await archiveOnce();

  expect(await catalog.findings.list('shop')).toEqual([]);
});

test('a slot that somebody else makes in the same moment is as good', async () => {
  const { resources, ...others } = catalog;
  async function claim(...note: Parameters<typeof resources.claim>): Promise<string> {
    await postgres.query("SELECT pg_create_physical_replication_slot('dbdr_shop', true)");
    return await resources.claim(...note);
  }
  const meanwhile = { ...others, resources: { ...resources, claim, list: async () => [] } };

  expect(await prepare(meanwhile)).toBe('dbdr_shop');

  expect(await postgres.query('SELECT slot_name FROM pg_replication_slots')).toHaveLength(1);
});

async function storedUpTo(storedLsn: string, timeline: number): Promise<void> {
  const [row] = await postgres.query(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  const systemId = String(row?.['id']);
  const progress = { server: 'shop', store: 'here', systemId, timeline, storedLsn, at: AT };
  await catalog.walProgress.record({ ...progress, serverLsn: storedLsn });
}

async function prepare(written: ArchivingDeps['catalog'] = catalog): Promise<string> {
  const deps = { catalog: written, clock: systemClock, log: silentLog };
  return (await prepareSlot(server(), deps, { signal })).slot;
}

/** Until something was stored. */
async function archiveOnce(): Promise<void> {
  const stopping = new AbortController();
  await archive(
    server(),
    { catalog, clock: systemClock, log: silentLog },
    {
      signal: stopping.signal,
      ready: () => undefined,
      heartbeat: false,
      onStored: () => stopping.abort(),
    },
  );
}

function server(): ArchivingServer {
  return {
    name: testServerName('shop'),
    url: postgres.url(),
    storeName: 'here',
    store: memoryStore(),
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 0.1,
  };
}
