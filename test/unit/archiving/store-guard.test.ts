/** Who may write to a store, when two processes ask in the same moment. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import {
  type GuardDeps,
  type GuardedStore,
  guardStore,
  takeOverStore,
} from '../../../src/archiving/store-guard.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { testServerName } from '../../support/folder-archive.ts';
import { objectKey } from '../../support/object-keys.ts';

const { signal } = new AbortController();

async function processOf(installation: string, lateMs: number): Promise<GuardDeps> {
  const clock = fakeClock();
  await clock.advance(lateMs);
  return {
    clock,
    catalog: {
      installation: { id: async () => installation },
      findings: { open: async () => true, close: async () => true, list: async () => [] },
    },
  };
}

function guardedBy(store: ObjectStore): GuardedStore {
  const name = testServerName('shop');
  const ring = keyRing(new Map([['k1', randomBytes(32)]]));
  return { name, storeName: 'here', store, ring };
}

/** What is put through it is put only once `until` has resolved. */
function late(inner: ObjectStore, until: Promise<unknown>): ObjectStore {
  return Object.assign(faultyStore(inner), {
    async put(...args: Parameters<ObjectStore['put']>) {
      await until;
      return await inner.put(...args);
    },
  });
}

test('two processes of one installation that begin at once both may write', async () => {
  const store = memoryStore();
  const guarded = guardedBy(store);
  const [serve, backup] = [await processOf('one', 0), await processOf('one', 5)];

  await Promise.all([serve, backup].map((deps) => guardStore(guarded, deps, { signal })));

  const owners = await Array.fromAsync(store.list('shop/owner/', { signal }));
  expect(owners.map(({ key }) => key)).toEqual(['shop/owner/000001']);
  const other = guardStore(guarded, await processOf('two', 9), { signal });
  await expect(other).rejects.toMatchObject({ kind: { code: 'ARCHIVING_STORE_OWNED' } });
});

test('of two installations that claim a store in the same moment one writes, whoever is late', async () => {
  const store = memoryStore();
  const [one, two] = [await processOf('one', 0), await processOf('two', 0)];

  const first = guardStore(guardedBy(store), one, { signal });
  const second = guardStore(guardedBy(late(store, first)), two, { signal });

  await first;
  await expect(second).rejects.toMatchObject({
    kind: { code: 'ARCHIVING_STORE_OWNED' },
    facts: { installation: 'one' },
  });
  await guardStore(guardedBy(store), one, { signal });
});

test('of two that take over in the same moment one is told that it did not', async () => {
  const store = memoryStore();
  const [one, two, three] = [
    await processOf('one', 0),
    await processOf('two', 0),
    await processOf('three', 0),
  ];
  await guardStore(guardedBy(store), one, { signal });

  const second = takeOverStore(guardedBy(store), two, { signal });
  const third = takeOverStore(guardedBy(late(store, second)), three, { signal });

  await second;
  await expect(third).rejects.toThrow(/Cannot take over "here" for "shop": another installation/);
  await guardStore(guardedBy(store), two, { signal });
  await expect(guardStore(guardedBy(store), one, { signal })).rejects.toMatchObject({
    facts: { installation: 'two' },
  });
});

test.each([
  ['of before, whose name says whose it is', 'shop/owner/000001-other', '{}'],
  ['that cannot be read', 'shop/owner/000001', 'rotten'],
])('a note %s keeps others out until they take over', async (_what, key, text) => {
  const store = memoryStore();
  await store.put(objectKey(key), Readable.from([Buffer.from(text)]), { signal });
  const own = await processOf('own', 0);

  await expect(guardStore(guardedBy(store), own, { signal })).rejects.toMatchObject({
    kind: { code: 'ARCHIVING_STORE_OWNED' },
  });

  await takeOverStore(guardedBy(store), own, { signal });
  await guardStore(guardedBy(store), own, { signal });
});
