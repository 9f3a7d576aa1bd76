import { expect, test } from 'vitest';

import { PartBuffers } from '../../../../src/storage/s3/part-buffers.ts';

const { signal } = new AbortController();

function buffers(): PartBuffers {
  return new PartBuffers({ limitBytes: 40, usualBytes: 10 });
}

test('a buffer that was given back is used again', async () => {
  const pool = buffers();
  const share = pool.share();
  const first = await share.take(10, { signal });
  share.give(first);

  const second = await share.take(10, { signal });

  expect(second).toBe(first);
  expect(pool.counts).toEqual({ heldBytes: 10, peakBytes: 10, made: 1 });
});

test('a write waits for room, and goes on when another one makes some', async () => {
  const pool = buffers();
  const [one, other] = [pool.share(), pool.share()];
  const held = await Promise.all([1, 2, 3].map(() => one.take(10, { signal })));
  await other.take(10, { signal });
  let hasMore = false;
  const more = other.take(10, { signal }).finally(() => {
    hasMore = true;
  });
  await Promise.resolve();
  expect(hasMore).toBe(false);

  one.give(held[0] ?? Buffer.alloc(0));
  await more;

  expect(pool.counts).toMatchObject({ heldBytes: 40, peakBytes: 40 });
});

test('whoever holds none gets one although the limit is reached: bodies may wait for each other', async () => {
  const pool = buffers();
  const shares = [1, 2, 3, 4, 5, 6].map(() => pool.share());

  for (const share of shares) await share.take(10, { signal });

  expect(pool.counts.heldBytes).toBe(60);
});

test('a part that is larger than the limit can still be written, one at a time', async () => {
  const pool = buffers();
  const share = pool.share();
  const large = await share.take(100, { signal });
  let hasMore = false;
  const more = share.take(100, { signal }).finally(() => {
    hasMore = true;
  });
  await Promise.resolve();
  expect(hasMore).toBe(false);

  share.give(large);
  await more;

  expect(pool.counts).toMatchObject({ heldBytes: 100, peakBytes: 100 });
});

test('what an ended write held is counted no more, and never used again', async () => {
  const pool = buffers();
  const [ended, next] = [pool.share(), pool.share()];
  const left = await ended.take(10, { signal });

  ended.end();
  const fresh = await next.take(10, { signal });

  expect(fresh).not.toBe(left);
  expect(pool.counts.heldBytes).toBe(10);
});

test('many writes at once leave no more behind than the limit', async () => {
  const pool = buffers();
  const shares = [1, 2, 3, 4, 5, 6].map(() => pool.share());
  const taken: [number, Buffer][] = [];
  for (const [index, share] of shares.entries())
    taken.push([index, await share.take(10, { signal })]);
  for (const [index, buffer] of taken) shares[index]?.give(buffer);

  const share = pool.share();
  for (let count = 0; count < 4; count++) await share.take(10, { signal });

  expect(pool.counts.made).toBe(6);
  expect(pool.counts.heldBytes).toBe(40);
});

test('waiting ends with the reason of an abort', async () => {
  const pool = buffers();
  const share = pool.share();
  await share.take(40, { signal });
  const controller = new AbortController();
  const reason = new Error('Somebody cancelled');

  const waiting = share.take(10, { signal: controller.signal });
  controller.abort(reason);

  await expect(waiting).rejects.toBe(reason);
});
