/** What only a bucket has: versions, uploads that did not end, pages, strangers' keys, rights, memory. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { S3Settings } from '../../src/storage/s3/settings.ts';
import type { S3Store } from '../../src/storage/s3/store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { objectKey } from '../support/object-keys.ts';
import {
  type AwsPeer,
  needs,
  peerLacks,
  startMoto,
  startVersitygw,
  VERSITYGW_PROGRAM,
  type Versitygw,
} from '../support/peers.ts';
import { makeBucket, peerClient, peerSettings, peerStore } from '../support/s3-peers.ts';
import { bodyOf, isPut } from '../support/s3-requests.ts';

/** Python takes its time where others work, too. */
const START_MS = 60_000;
const MIB = 1024 * 1024;
const KEY = objectKey('shop/base/one');
const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`a bucket${needs('versitygw')}`, () => {
  let server: Versitygw;
  let client: S3Client;

  beforeAll(async () => {
    server = await startVersitygw();
    client = peerClient(server);
    await makeBucket(server, { name: 'plain' });
    await makeBucket(server, { name: 'versions', versions: true });
    await makeBucket(server, { name: 'locking', locks: true });
  });
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  function storeIn(bucket: string, more: Partial<S3Settings> = {}): S3Store {
    return peerStore(peerSettings(server, { bucket, ...more }));
  }

  test('counts older versions and unfinished uploads, and no delete markers', async () => {
    const [Bucket, Key] = ['versions', 'census/shop/base/one'];
    const store = storeIn('versions', { prefix: 'census' });
    for (const text of ['first', 'second!'])
      await client.send(new PutObjectCommand({ Bucket, Key, Body: text }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'census/gone', Body: 'four' }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'census/gone' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'censusother', Body: 'not ours' }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    for (const PartNumber of [1, 2])
      await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: Buffer.alloc(1000) }),
      );

    const items = await Array.fromAsync(store.census({ signal }));

    expect(
      items.map(({ key, sizeBytes, state }) => `${key} ${sizeBytes} ${state}`).toSorted(),
    ).toEqual([
      'gone 4 noncurrent',
      'shop/base/one 2000 unfinished',
      'shop/base/one 5 noncurrent',
      'shop/base/one 7 current',
    ]);
    expect(await store.sweep({ signal, olderThanMs: 60_000 })).toBe(0);
    expect(await store.sweep({ signal, olderThanMs: -2000 })).toBe(1);
    expect((await Array.fromAsync(store.census({ signal }))).length).toBe(3);
  });

  test('remove() removes all versions and markers of exactly this key', async () => {
    const Bucket = 'versions';
    const store = storeIn(Bucket, { prefix: 'remove' });
    for (const Key of ['remove/shop/base/one', 'remove/shop/base/one2', 'remove/shop/base/one']) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: 'old' }));
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      await client.send(new PutObjectCommand({ Bucket, Key, Body: 'new' }));
    }

    await store.remove(KEY, { signal });

    const left = await Array.fromAsync(store.census({ signal }));
    expect(left.map(({ key, state }) => `${key} ${state}`).toSorted()).toEqual([
      'shop/base/one2 current',
      'shop/base/one2 noncurrent',
    ]);
  });

  test('lists thousands of keys over many pages, in order, and no stranger', async () => {
    const folder = join(server.dataFolder, 'plain/many');
    const names = Array.from({ length: 2500 }, (_, index) => {
      const at = String(index).padStart(4, '0');
      return index % 3 === 0 ? `wal/${at}` : `wal-${index % 7}/${at}.seg`;
    });
    const strangers = ['wal/it is%2Bnot+ours', 'wal/ä', "wal/<&>'"];
    for (const name of new Set([...names, ...strangers].map((one) => dirname(one))))
      await mkdir(join(folder, name), { recursive: true });
    for (const name of [...names, ...strangers]) await writeFile(join(folder, name), 'x');
    const store = storeIn('plain', { prefix: 'many' });

    const listed = await Array.fromAsync(store.list('', { signal }));
    const after = await Array.fromAsync(store.list('wal/', { signal, after: 'wal/2001' }));

    expect(listed.map(({ key }) => key)).toEqual(names.toSorted());
    expect(after.map(({ key }) => key)).toEqual(
      names.filter((name) => name.startsWith('wal/') && name > 'wal/2001').toSorted(),
    );
  });

  test('many large bodies at once take no more memory for parts than the limit', async () => {
    const store = storeIn('plain', { prefix: 'memory' });
    const bytes = randomBytes(16 * MIB + 1);
    const keys = ['a', 'b', 'c'].map(objectKey);

    await Promise.all(keys.map((key) => store.put(key, bodyOf(bytes), { signal })));

    const { heldBytes, peakBytes, made } = store.bufferCounts;
    expect(heldBytes).toBe(0);
    // Of twelve parts, four are in memory, and one more of each further write.
    expect(peakBytes).toBeLessThanOrEqual((20 + 2 * 5) * MIB);
    expect(made).toBeLessThanOrEqual(6);
  });

  test('refuses to lock in a bucket that cannot, before anything is stored', async () => {
    for (const [bucket, why] of [
      ['plain', 'versioning is off'],
      ['versions', 'Object Lock is off'],
    ] as const) {
      const store = storeIn(bucket, { prefix: 'no-lock', objectLock: { mode: 'compliance' } });

      const put = store.put(KEY, bodyOf(Buffer.from('abc')), { signal });

      await expect(put).rejects.toMatchObject({ kind: { code: 'STORAGE_LOCK_UNAVAILABLE' } });
      await expect(put).rejects.toThrow(why);
      const unlocked = storeIn(bucket, { prefix: 'no-lock' });
      expect(await unlocked.stat(KEY, { signal })).toBeUndefined();
    }
  });

  test('compliance locks hold against everybody, the owner of the bucket too', async () => {
    const store = storeIn('locking', { prefix: 'strict', objectLock: { mode: 'compliance' } });
    const retainUntil = Temporal.Now.instant().add({ hours: 1 });
    await store.put(KEY, bodyOf(Buffer.from('abc')), { signal, retainUntil });

    const removal = store.remove(KEY, { signal });

    await expect(removal).rejects.toThrow(/is locked until \d{4}-\d\d-\d\dT\d\d:\d\d/);
    expect(await store.stat(KEY, { signal })).toEqual({ key: KEY, sizeBytes: 3 });
  });

  test('a writer without the right to remove is told so, and a deleter of its own does it', async () => {
    await promisify(execFile)(VERSITYGW_PROGRAM, [
      ...`admin --region us-east-1 --endpoint-url ${server.endpoint}`.split(' '),
      ...`--access ${server.accessKeyId} --secret ${server.secretAccessKey}`.split(' '),
      ...'create-user --access writer --secret writersecret --role user'.split(' '),
    ]);
    await client.send(new PutBucketPolicyCommand({ Bucket: 'plain', Policy: WRITER_POLICY }));
    const credentials = { accessKeyId: 'writer', secretAccessKey: 'writersecret' };
    const { accessKeyId, secretAccessKey } = server;
    const writer = storeIn('plain', { prefix: 'rights', credentials });
    const deleter = { accessKeyId, secretAccessKey };
    const both = storeIn('plain', { prefix: 'rights', credentials, deleter });
    const elsewhere = storeIn('versions', { prefix: 'rights', credentials });

    await writer.put(KEY, bodyOf(randomBytes(6 * MIB)), { signal });
    const removal = writer.remove(KEY, { signal });

    await expect(removal).rejects.toMatchObject({ kind: { code: 'STORAGE_REMOVE_DENIED' } });
    expect(await writer.stat(KEY, { signal })).toBeDefined();
    await both.remove(KEY, { signal });
    expect(await writer.stat(KEY, { signal })).toBeUndefined();
    const refused = elsewhere.put(KEY, bodyOf(randomBytes(5)), { signal });
    await expect(refused).rejects.toMatchObject({ kind: { code: 'STORAGE_DENIED' } });
    await expect(refused).rejects.toThrow('s3:PutObject');
  });

  test('a bucket that is not there is not an empty one, whatever is asked', async () => {
    const store = storeIn('nowhere', { prefix: 'shop' });

    const calls = await Promise.allSettled([
      store.put(KEY, bodyOf(randomBytes(10)), { signal }),
      store.put(KEY, bodyOf(randomBytes(6 * MIB)), { signal }),
      store.open(KEY, { signal }),
      store.stat(KEY, { signal }),
      Array.fromAsync(store.list('', { signal })),
      Array.fromAsync(store.census({ signal })),
      store.remove(KEY, { signal }),
      store.sweep({ signal, olderThanMs: 0 }),
    ]);

    expect(calls).toMatchObject(
      calls.map(() => ({
        status: 'rejected',
        reason: { kind: { code: 'STORAGE_BUCKET_MISSING' } },
      })),
    );
  });

  test('credentials that it does not know, or that do not fit, are told apart', async () => {
    const { accessKeyId } = server;
    const unknown = { accessKeyId: 'nobody', secretAccessKey: 'secret' };
    const wrong = { accessKeyId, secretAccessKey: 'wrong' };

    const calls = await Promise.allSettled([
      storeIn('plain', { credentials: unknown }).stat(KEY, { signal }),
      storeIn('plain', { credentials: wrong }).stat(KEY, { signal }),
    ]);

    const kind = { code: 'STORAGE_CREDENTIALS_REFUSED' };
    expect(calls).toMatchObject([{ reason: { kind } }, { reason: { kind } }]);
    const reasons = calls.map((call) => (call.status === 'rejected' ? String(call.reason) : ''));
    expect(reasons[0]).toContain('does not know the access key');
    expect(reasons[1]).toContain('is not the one of this access key');
  });

  test('a region that is not the bucket is told with the right one', async () => {
    const store = storeIn('plain', { region: 'eu-west-3' });

    await expect(store.stat(KEY, { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_REGION_WRONG' },
      hint: 'Write `region: us-east-1` in the config of this store.',
    });
  });

  test('what is put carries the storage class and the encryption of the config', async () => {
    const seen: unknown[] = [];
    await using proxy = await startFaultProxy(server.endpoint);
    proxy.choose = ({ headers }) => {
      seen.push([headers['x-amz-storage-class'], headers['x-amz-server-side-encryption']]);
      return { kind: 'answer', status: 403, code: 'AccessDenied' };
    };
    const settings = peerSettings(server, {
      endpoint: proxy.endpoint,
      bucket: 'plain',
      storageClass: 'STANDARD_IA',
      encryption: { kind: 'kms', key: 'alias/backups' },
    });

    await expect(peerStore(settings).put(KEY, bodyOf(randomBytes(5)), { signal })).rejects.toThrow(
      'may not do s3:PutObject',
    );

    expect(seen).toEqual([['STANDARD_IA', 'aws:kms']]);
  });
});

describe.skipIf(peerLacks('python') !== undefined)(
  `a server without conditional writes${needs('python')}`,
  () => {
    let server: AwsPeer;
    beforeAll(async () => {
      server = await startMoto();
      await makeBucket(server, { name: 'plain' });
    }, START_MS);
    afterAll(async () => server[Symbol.asyncDispose]());

    test.each([['takes no notice'], ['says that it does not know']])(
      '%s: the store says so once, and still replaces nothing',
      async (how) => {
        // moto does not look at signatures, so that a header can be taken away.
        await using proxy = await startFaultProxy(server.endpoint);
        proxy.choose = (asked) => {
          const isAsked = isPut(asked) && asked.headers['if-none-match'] !== undefined;
          delete asked.headers['if-none-match'];
          return isAsked && how !== 'takes no notice'
            ? { kind: 'answer', status: 501, code: 'NotImplemented' }
            : undefined;
        };
        const warnings: string[] = [];
        const store = peerStore(
          peerSettings(server, {
            endpoint: proxy.endpoint,
            bucket: 'plain',
            prefix: `${how.length}`,
          }),
          {
            warn: (message) => warnings.push(message),
          },
        );

        await store.put(KEY, Readable.from(['abc']), { signal });
        const again = await store.put(KEY, Readable.from(['abc']), { signal });
        const other = store.put(KEY, Readable.from(['xyz']), { signal });

        expect(again.outcome).toBe('already there');
        await expect(other).rejects.toMatchObject({ kind: { code: 'STORAGE_WRITE_REFUSED' } });
        expect(warnings).toEqual([expect.stringContaining(how)]);
      },
    );
  },
);

const WRITER_POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: ['writer'] },
      Action: ['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'],
      Resource: ['arn:aws:s3:::plain/*'],
    },
    {
      Effect: 'Allow',
      Principal: { AWS: ['writer'] },
      Action: ['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
      Resource: ['arn:aws:s3:::plain'],
    },
  ],
});
