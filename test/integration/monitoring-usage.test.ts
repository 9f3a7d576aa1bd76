/** What stores hold, counted in a folder and in a bucket of a real S3 server. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';

import { systemClock } from '../../src/kernel/clock.ts';
import { type Usage, usageOperation } from '../../src/monitoring/usage-operation.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { RequestCounts } from '../../src/storage/request-counts.ts';
import { s3Store } from '../../src/storage/s3/store.ts';
import { objectKey } from '../support/object-keys.ts';
import { needs, peerLacks, startVersitygw } from '../support/peers.ts';
import { makeBucket, peerClient, peerSettings, peerStore } from '../support/s3-peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();
const PACK = 'shop/15-7341/base/20261122T010000Z/pack-0001';
const MIB = 1024 * 1024;

async function usageOf(store: ObjectStore): Promise<Usage['stores'][number] | undefined> {
  const prices = { as_of: '2026-11-01', currency: 'USD', per_gb_month: { here: { STANDARD: 1 } } };
  const stores = new Map([['here', store]]);
  const usage = await usageOperation({ stores, prices, clock: systemClock }).run({}, testRun());
  expect(usage.unreachable).toEqual([]);
  return usage.stores[0];
}

describe('usage', () => {
  test('of a folder counts objects, and what an interrupted write left', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    await store.put(objectKey(PACK), Readable.from([Buffer.alloc(1000)]), { signal });
    await mkdir(join(folder.path, '#unfinished'), { recursive: true });
    await writeFile(join(folder.path, '#unfinished/0123456789'), Buffer.alloc(50));

    expect(await usageOf(store)).toMatchObject({
      storedBytes: 1050,
      objects: 1,
      kinds: [{ kind: 'base', objects: 1, storedBytes: 1000 }],
      noncurrent: { objects: 0, storedBytes: 0 },
      incompleteUploads: { uploads: 1, storedBytes: 50 },
      servers: [{ server: 'shop', storedBytes: 1000 }],
    });
  });

  describe.skipIf(peerLacks('versitygw') !== undefined)(`of a bucket${needs('versitygw')}`, () => {
    test('counts old versions and unfinished uploads apart, and nothing of its neighbours', async () => {
      await using server = await startVersitygw();
      const Bucket = 'versions-bucket';
      await makeBucket(server, { name: Bucket, versions: true });
      const client = peerClient(server);
      async function put(name: string, bytes: number): Promise<void> {
        const Key = `mine/${name}`;
        await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(bytes) }));
      }
      await put(PACK, 300);
      await put(PACK, 400);
      await put('shop/15-7341/wal/00000001/gone', 70);
      await client.send(
        new DeleteObjectCommand({ Bucket, Key: 'mine/shop/15-7341/wal/00000001/gone' }),
      );
      await client.send(
        new PutObjectCommand({ Bucket, Key: 'theirs/a', Body: Buffer.alloc(9000) }),
      );
      const Key = `mine/${PACK.replace('0001', '0002')}`;
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const part = { Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(5 * MIB) };
      await client.send(new UploadPartCommand(part));
      client.destroy();

      const usage = await usageOf(
        peerStore(peerSettings(server, { bucket: Bucket, prefix: 'mine' })),
      );

      expect(usage).toMatchObject({
        objects: 1,
        kinds: [{ kind: 'base', objects: 1, storedBytes: 400 }],
        noncurrent: { storedBytes: 370 },
        incompleteUploads: { uploads: 1, storedBytes: 5 * MIB },
        storedBytes: 5 * MIB + 770,
        classes: [{ storageClass: 'STANDARD' }],
      });
      expect(usage?.monthlyCost).toBeCloseTo((5 * MIB + 770) / 2 ** 30, 8);
    });

    test('counts each request that is sent, by kind', async () => {
      await using server = await startVersitygw();
      await makeBucket(server, { name: 'counted' });
      const counts = new RequestCounts();
      const store = s3Store(peerSettings(server, { bucket: 'counted' }), {
        clock: systemClock,
        random: () => 0.5,
        warn: () => undefined,
        onRequest: (command) => counts.count('west', command),
      });
      await store.put(objectKey(PACK), Readable.from([Buffer.alloc(1000)]), { signal });
      counts.take();

      await store.put(objectKey(`${PACK}-2`), Readable.from([Buffer.alloc(1000)]), { signal });
      await store.stat(objectKey(PACK), { signal });
      for await (const { key } of store.list('shop/', { signal }))
        expect(key).toContain('shop/15-7341');

      const { put = 0, list = 0, get = 0 } = counts.take().get('west') ?? {};
      expect([put, list]).toEqual([1, 1]);
      expect(get).toBeGreaterThanOrEqual(1);
    });
  });
});
