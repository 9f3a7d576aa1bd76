/** Who may write to a store, when two processes of one installation ask in the same moment. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';

import { type GuardDeps, guardStore } from '../../../src/archiving/store-guard.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { fakeClock } from '../../support/fake-clock.ts';

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

test('two processes of one installation that begin at once both may write', async () => {
  const name = 'shop';
  if (!isServerName(name)) throw new TypeError(name);
  const store = memoryStore();
  const guarded = {
    name,
    storeName: 'here',
    store,
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
  };
  const [serve, backup] = [await processOf('one', 0), await processOf('one', 5)];

  await Promise.all([serve, backup].map((deps) => guardStore(guarded, deps, { signal })));

  const owners = await Array.fromAsync(store.list('shop/owner/', { signal }));
  expect(owners.map(({ key }) => key)).toEqual(['shop/owner/000001-one']);
  const other = guardStore(guarded, await processOf('two', 9), { signal });
  await expect(other).rejects.toMatchObject({ kind: { code: 'ARCHIVING_STORE_OWNED' } });
});
