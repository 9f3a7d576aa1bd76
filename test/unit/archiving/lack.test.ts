/** When the receiver must ask for what a slot does not keep. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';

import type { ArchivingServer } from '../../../src/archiving/deps.ts';
import { findLack, type Lack } from '../../../src/archiving/lack.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { testServerName } from '../../support/folder-archive.ts';

const { signal } = new AbortController();
const AT = '2026-11-25T00:00:00.000000Z';

test('findLack() asks after a change of timeline, although the slot lies before what was stored', async () => {
  expect(await lack({ timeline: 1, storedLsn: '0/9000000' }, 2)).toEqual({
    systemId: '73',
    timeline: 1,
    keptTimeline: 2,
    fromLsn: '0/9000000',
    toLsn: '0/7000000',
    after: AT,
  });
});

test('findLack() sees none where the slot follows on what is stored of the same timeline', async () => {
  expect(await lack({ timeline: 2, storedLsn: '0/7000028' }, 2)).toBeUndefined();
});

test('findLack() sees one where the slot begins behind what is stored of the same timeline', async () => {
  expect(await lack({ timeline: 2, storedLsn: '0/5000000' }, 2)).toMatchObject({
    timeline: 2,
    fromLsn: '0/5000000',
    toLsn: '0/7000000',
  });
});

async function lack(
  stored: { readonly timeline: number; readonly storedLsn: string },
  timeline: number,
): Promise<Lack | undefined> {
  const where = { server: 'shop', store: 'here', systemId: '73', serverLsn: '0/0', at: AT };
  const facts = { systemId: '73', timeline, major: 15, segmentBytes: 1 << 24 };
  const keptFrom = toLsn('0/7000028');
  return await findLack({ known: { ...where, ...stored }, facts, keptFrom }, server(), { signal });
}

function server(): ArchivingServer {
  return {
    name: testServerName('shop'),
    url: 'postgres://nowhere',
    storeName: 'here',
    store: memoryStore(),
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 1,
  };
}
