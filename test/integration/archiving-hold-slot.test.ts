/** A store that stays away for long is no longer waited for, people are told, and it comes back. */
import { join } from 'node:path';

import { expect, test } from 'vitest';

import type { ArchivingServer } from '../../src/archiving/deps.ts';
import { holdSlot } from '../../src/archiving/hold-slot.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { lsnFromBytes } from '../../src/kernel/lsn.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { testServerName } from '../support/folder-archive.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const AT = '2026-11-22T14:46:00.000000Z';
const STEP_MS = 10_000;

test('a store is left out after a quarter of an hour, and waited for again once it is level', async () => {
  await using folder = await temporaryFolder();
  const clock = fakeClock();
  await using catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock });
  for (const store of ['here', 'west']) await record(catalog, store, 100);
  const held = await holdSlot(server(), { catalog, clock, log: silentLog });
  if (held === undefined) throw new Error('There are two stores');
  held.told(row('here', 100));
  const stopping = new AbortController();
  const watching = held.watch({ signal: stopping.signal });
  await clock.untilAsleep(1);
  held.told(row('here', 200));

  let waitedMs = 0;
  for (; (await catalog.findings.list('shop')).length === 0; waitedMs += STEP_MS) {
    expect(held.limit(1)).toBe(100n);
    await clock.advance(STEP_MS);
    await clock.untilAsleep(1);
    if (waitedMs > 20 * 60_000) throw new Error('It is waited for for ever');
  }
  expect(waitedMs).toBeGreaterThanOrEqual(15 * 60_000 - STEP_MS);
  expect(held.limit(1)).toBeUndefined();
  expect(await catalog.findings.list('shop')).toMatchObject([
    { code: 'MIRROR_LEFT_OUT', severity: 'page', store: 'west' },
  ]);

  await record(catalog, 'west', 200);
  await clock.advance(STEP_MS);
  await clock.untilAsleep(1);
  expect(await catalog.findings.list('shop')).toEqual([]);
  expect(held.limit(1)).toBe(200n);
  stopping.abort();
  await watching;
});

/** Nobody listens there: whoever cannot be asked has room. */
function server(): ArchivingServer {
  return {
    name: testServerName('shop'),
    url: 'postgres://127.0.0.1:1/shop',
    storeName: 'here',
    store: memoryStore(),
    otherStores: [{ name: 'west', store: memoryStore() }],
    ring: keyRing(new Map([['k1', Buffer.alloc(32, 7)]])),
    tailSeconds: 1,
  };
}

function row(store: string, lsn: number) {
  const storedLsn = lsnFromBytes(BigInt(lsn));
  const place = { systemId: '73', timeline: 1, storedLsn, serverLsn: storedLsn, at: AT };
  return { server: testServerName('shop'), store, ...place };
}

async function record(catalog: Catalog, store: string, lsn: number): Promise<void> {
  await catalog.walProgress.record(row(store, lsn));
}
