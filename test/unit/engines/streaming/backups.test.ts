/** Listing finds every cluster's backups and walks past the log without reading it. */
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';

import { keyRing } from '../../../../src/encryption/file-key-ring.ts';
import { listBackups, sweepUnfinished } from '../../../../src/engines/streaming/backups.ts';
import { memoryStore } from '../../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import { testServerName } from '../../../support/folder-archive.ts';
import { objectKey } from '../../../support/object-keys.ts';

const { signal } = new AbortController();
const SEGMENTS = 500;

async function put(store: ObjectStore, key: string): Promise<void> {
  await store.put(objectKey(key), Readable.from([Buffer.from('x')]), { signal });
}

/** Two clusters with a backup each and much log, a note beside them, another server with a longer name. */
async function filledStore(): Promise<ObjectStore> {
  const store = memoryStore();
  for (const folder of ['shop/14-70', 'shop/15-71']) {
    for (let at = 0; at < SEGMENTS; at += 1) {
      const name = `0000000100000000${at.toString(16).toUpperCase().padStart(8, '0')}`;
      await put(store, `${folder}/wal/00000001/${name}-${'a'.repeat(32)}`);
      await put(store, `${folder}/tail/00000001/${name}/0-1`);
    }
    await put(store, `${folder}/base/20261122T010000Z/manifest`);
    await put(store, `${folder}/base/20261123T010000Z/pack-0001`);
  }
  await put(store, 'shop/owner/000001-i-1');
  await put(store, 'shop-two/15-72/base/20261122T010000Z/manifest');
  return store;
}

function counting(store: ObjectStore): {
  readonly store: ObjectStore;
  readonly listed: () => number;
} {
  let listed = 0;
  async function* list(...words: Parameters<ObjectStore['list']>) {
    for await (const info of store.list(...words)) {
      listed += 1;
      yield info;
    }
  }
  const { description } = store;
  return {
    listed: () => listed,
    store: {
      description,
      list,
      put: async (...words) => store.put(...words),
      open: async (...words) => store.open(...words),
      stat: async (...words) => store.stat(...words),
      remove: async (...words) => store.remove(...words),
      sweep: async (...words) => store.sweep(...words),
      census: (...words) => store.census(...words),
    },
  };
}

const REQUEST = { ring: keyRing(new Map([['k1', Buffer.alloc(32, 1)]])), signal };

test('listBackups() finds the manifests of every cluster and of no other server', async () => {
  const { store, listed } = counting(await filledStore());

  const { unreadable } = await listBackups({ ...REQUEST, store, server: testServerName('shop') });

  expect(unreadable.map(({ key }) => key)).toEqual([
    'shop/14-70/base/20261122T010000Z/manifest',
    'shop/15-71/base/20261122T010000Z/manifest',
  ]);
  expect(listed()).toBeLessThan(20);
});

test('sweepUnfinished() finds what did not end in every cluster', async () => {
  const store = await filledStore();
  const now = Temporal.Instant.from('2026-11-24T01:00:00Z');
  const server = testServerName('shop');

  const removed = await sweepUnfinished({ ...REQUEST, store, server, olderThanMs: 0, now });

  expect(removed).toBe(2);
});
