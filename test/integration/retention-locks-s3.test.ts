/** Object Lock from the config to a bucket that keeps it: set with every write, longer after `hold`. */
import { GetObjectRetentionCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { systemClock } from '../../src/kernel/clock.ts';
import { ask } from '../support/bad-input-shop.ts';
import { type BucketShop, openBucketShop } from '../support/bucket-shop.ts';
import { needs, peerLacks } from '../support/peers.ts';
import { makeBucket, peerClient } from '../support/s3-peers.ts';

const BUCKET = 'locking-bucket';
const DAY_MS = 24 * 3_600_000;
const Backups = z.object({ backups: z.array(z.object({ backupId: z.string() })) });

let shop: BucketShop;
let client: S3Client;

describe.skipIf(peerLacks('versitygw') !== undefined)(`Object Lock${needs('versitygw')}`, () => {
  beforeAll(async () => {
    shop = await openBucketShop();
    await makeBucket(shop.server, { name: BUCKET, locks: true });
    client = peerClient(shop.server);
  });

  afterAll(async () => {
    client.destroy();
    await shop[Symbol.asyncDispose]();
  });

  test('a backup and its log are locked when they are written, and for longer once they are held', async () => {
    const more = 'object_lock: { mode: compliance }';
    const cwd = await shop.install({ bucket: BUCKET, more });

    await done('backup shop', cwd);

    const [backup] = Backups.parse((await done('backups', cwd)).json).backups;
    const id = backup?.backupId ?? '';
    const written = await lockedDays(id);
    expect([...written.keys()].some((key) => key.endsWith('/manifest'))).toBe(true);
    expect([...written.keys()].some((key) => key.includes('/wal/'))).toBe(true);
    expect([...written.values()].filter((days) => days < 8 || days > 10)).toEqual([]);

    await done(`hold ${id} --reason audit --until P40D`, cwd);

    const held = [...(await lockedDays(id))];
    // Only log behind what the backup needs.
    const short = held.filter(([, days]) => days < 39).map(([key]) => key);
    expect(short.filter((key) => !key.includes('/wal/'))).toEqual([]);
    expect(held.some(([key, days]) => key.includes('/wal/') && days > 39)).toBe(true);
  });
});

async function done(words: string, cwd: string): Promise<Awaited<ReturnType<typeof ask>>> {
  const asked = await ask(words, cwd);
  if (asked.exitCode !== 0) throw new Error(`${words}: ${asked.told}`);
  return asked;
}

/** For how many days nobody can remove the backup's objects, and the segments of the log. */
async function lockedDays(id: string): Promise<ReadonlyMap<string, number>> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const keys = Contents.flatMap(({ Key = '' }) =>
    Key.includes(`/base/${id}/`) || /\/wal\/.*\/[0-9A-F]{24}-/.test(Key) ? [Key] : [],
  );
  const days = new Map<string, number>();
  for (const key of keys) {
    const asked = new GetObjectRetentionCommand({ Bucket: BUCKET, Key: key });
    const { Retention } = await client.send(asked);
    expect(Retention?.Mode).toBe('COMPLIANCE');
    const until = Retention?.RetainUntilDate?.toTemporalInstant().epochMilliseconds ?? 0;
    days.set(key, (until - systemClock.now().epochMilliseconds) / DAY_MS);
  }
  return days;
}
