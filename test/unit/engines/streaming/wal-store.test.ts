/** What an inventory of stored log says of timelines. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';

import { keyRing } from '../../../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../../../src/encryption/key-ring.ts';
import { historyKey } from '../../../../src/engines/streaming/wal-format.ts';
import { putWal } from '../../../../src/engines/streaming/wal-objects.ts';
import { walStore } from '../../../../src/engines/streaming/wal-store.ts';
import { historyName } from '../../../../src/kernel/wal-name.ts';
import { memoryStore } from '../../../../src/storage/memory.ts';
import { testServerName } from '../../../support/folder-archive.ts';

const { signal } = new AbortController();
const FOLDER = { server: testServerName('shop'), major: 15, systemId: '73' };

test('inventory() tells where timelines were left, and nothing of a history that cannot be read', async () => {
  const store = memoryStore();
  const [ring, other] = [ringOf(), ringOf()];
  await putHistory(ring, 2, '1\t0/5000000\treason\n');
  await putHistory(other, 3, '2\t0/7000000\treason\n');

  const request = { store, ring, folder: FOLDER, segmentBytes: 1 << 24, signal };
  expect(await walStore.inventory(request)).toMatchObject({
    histories: [historyName(2), historyName(3)],
    forks: [{ timeline: 2, parent: 1, lsn: '0/5000000' }],
  });

  async function putHistory(under: KeyRing, timeline: number, text: string): Promise<void> {
    const key = historyKey(FOLDER, historyName(timeline));
    await putWal({ store, ring: under, folder: FOLDER, signal }, key, Buffer.from(text));
  }
});

function ringOf(): KeyRing {
  return keyRing(new Map([['k1', randomBytes(32)]]));
}
