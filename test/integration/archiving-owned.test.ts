/** Where another installation writes, nobody archives in passing: not for a backup, not for a proof. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import { archiveUntil } from '../../src/archiving/wait-for-wal.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { testServerName } from '../support/folder-archive.ts';
import { objectKey } from '../support/object-keys.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { signal } = new AbortController();

test('archiveUntil() touches neither the store of another installation nor the server', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'catalog');
  await using catalog = await openSqliteCatalog({ path, clock: systemClock });
  const store = memoryStore();
  const owner = objectKey('shop/owner/000001-another');
  await store.put(owner, Readable.from([Buffer.from('{}')]), { signal });
  const server = {
    name: testServerName('shop'),
    // Nobody listens there: whoever asked it would hear that first.
    url: 'postgres://127.0.0.1:1/shop',
    storeName: 'here',
    store,
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 1,
  };
  const deps = { catalog, clock: systemClock, log: silentLog };

  const archiving = archiveUntil({ server, lsn: toLsn('FF/0'), deps, holder: 'a proof', signal });

  await expect(archiving).rejects.toMatchObject({ kind: { code: 'ARCHIVING_STORE_OWNED' } });
  expect(await Array.fromAsync(store.list('', { signal }), ({ key }) => key)).toEqual([owner]);
  // It is not what people are called for, and nobody waits for its lease.
  expect(await catalog.findings.list('shop')).toEqual([]);
  const now = '2026-11-24T12:00:00.000000Z';
  expect(await catalog.leases.holderOf('archiving:shop', now)).toBeUndefined();
});
