/** How long the bucket store goes on: what moves nothing, never ends or always fails is given up in time. */
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import type { S3Store } from '../../src/storage/s3/store.ts';
import { type FaultyBucket, openFaultyBucket } from '../support/faulty-bucket.ts';
import { objectKey } from '../support/object-keys.ts';
import { needs, peerLacks } from '../support/peers.ts';
import {
  bodyOf,
  IMPATIENT,
  isGet,
  isList,
  isLook,
  isPut,
  SLOW_DOWN,
} from '../support/s3-requests.ts';

const MIB = 1024 * 1024;
const KEY = objectKey('shop/base/one');
/** Two parts. */
const LARGE = randomBytes(6 * MIB + 17);
const SMALL = randomBytes(70_000);
const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`a slow server${needs('versitygw')}`, () => {
  let bucket: FaultyBucket;

  beforeAll(async () => {
    bucket = await openFaultyBucket();
  });
  afterAll(async () => bucket[Symbol.asyncDispose]());
  beforeEach(async () => bucket.renew());

  test.each<[string, 'retryBudgetMs' | 'writeBudgetMs', (store: S3Store) => Promise<unknown>]>([
    ['a read', 'retryBudgetMs', (store) => store.open(KEY, { signal })],
    ['a look', 'retryBudgetMs', (store) => store.stat(KEY, { signal })],
    ['a write', 'writeBudgetMs', (store) => store.put(KEY, bodyOf(SMALL), { signal })],
    // Whether it is there is asked first, and that is no write.
    ['a write in parts', 'writeBudgetMs', (store) => store.put(KEY, bodyOf(LARGE), { signal })],
  ])(
    '%s is given up when its time is over, however many attempts it has',
    async (_, budget, work) => {
      const clock = leapingClock();
      const limits = {
        ...IMPATIENT,
        attemptsMax: 1000,
        firstWaitMs: 100,
        waitCapMs: 1000,
        retryBudgetMs: 8000,
        writeBudgetMs: 30_000,
      };
      bucket.spoil(SLOW_DOWN, (asked) => !isLook(asked) || budget === 'retryBudgetMs', 10_000);

      await expect(work(bucket.storeAt(bucket.proxy, limits, clock))).rejects.toMatchObject({
        kind: { code: 'STORAGE_BUSY' },
      });

      expect(clock.elapsedMs()).toBeLessThanOrEqual(limits[budget]);
      expect(clock.elapsedMs()).toBeGreaterThan(limits[budget] - 2 * limits.waitCapMs);
    },
  );

  test('an answer of which something always moves is given up when its time is over', async () => {
    await bucket.storeAt(bucket.server).put(KEY, bodyOf(SMALL), { signal });
    const patient = { ...IMPATIENT, idleMs: 600_000, answerMs: 400 };
    bucket.spoil({ kind: 'trickle', everyMs: 50 }, isList);

    const listed = await Array.fromAsync(
      bucket.storeAt(bucket.proxy, patient).list('', { signal }),
    );

    expect(listed).toEqual([{ key: KEY, sizeBytes: SMALL.length }]);
    expect(bucket.proxy.seen.filter(isList)).toHaveLength(2);
  });

  test('a connection on which nothing moves is given up long before its answer is due', async () => {
    const patient = { ...IMPATIENT, idleMs: 300, answerMs: 600_000 };
    const store = bucket.storeAt(bucket.proxy, patient);
    bucket.spoil({ kind: 'hang' }, isPut);
    await store.put(KEY, bodyOf(SMALL), { signal });
    bucket.spoil({ kind: 'hang' }, isGet);

    const read = await buffer(await store.open(KEY, { signal }));

    expect(read.equals(SMALL)).toBe(true);
    expect(bucket.proxy.seen.filter(isGet)).toHaveLength(2);
  });
});

/** Whoever sleeps has slept at once. */
function leapingClock(): Clock {
  let elapsedMs = 0;
  return {
    now: () => systemClock.now(),
    elapsedMs: () => elapsedMs,
    sleep: async (durationMs, { signal: aborted }) => {
      aborted.throwIfAborted();
      elapsedMs += durationMs;
    },
  };
}
