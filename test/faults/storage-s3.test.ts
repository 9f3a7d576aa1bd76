/** The bucket store behind a network and a server that fail: nothing lost, nothing torn, nothing wrong. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { pieces } from '../support/byte-source.ts';
import type { Fault } from '../support/fault-proxy.ts';
import { type FaultyBucket, openFaultyBucket } from '../support/faulty-bucket.ts';
import { objectKey } from '../support/object-keys.ts';
import { needs, peerLacks } from '../support/peers.ts';
import {
  bodyOf,
  IMPATIENT,
  isBegin,
  isEnd,
  isGet,
  isList,
  isLook,
  isPart,
  isPut,
  isVersionList,
  PASSING_FAULTS,
  SLOW_DOWN,
} from '../support/s3-requests.ts';

const MIB = 1024 * 1024;
const KEY = objectKey('shop/base/one');
/** Two parts. */
const LARGE = randomBytes(6 * MIB + 17);
const SMALL = randomBytes(70_000);
const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`behind faults${needs('versitygw')}`, () => {
  let bucket: FaultyBucket;

  beforeAll(async () => {
    bucket = await openFaultyBucket();
  });
  afterAll(async () => bucket[Symbol.asyncDispose]());
  beforeEach(async () => bucket.renew());

  async function stored(key = KEY): Promise<Buffer> {
    return await buffer(await bucket.storeAt(bucket.server).open(key, { signal }));
  }

  async function unfinished(): Promise<number> {
    const items = await Array.fromAsync(bucket.storeAt(bucket.server).census({ signal }));
    return items.filter(({ state }) => state === 'unfinished').length;
  }

  describe.each(PASSING_FAULTS)('$kind $status $code', (fault) => {
    test('put() of a small object is whole after it', async () => {
      bucket.spoil(fault, isPut);

      const written = await bucket.storeAt(bucket.proxy).put(KEY, bodyOf(SMALL), { signal });

      expect(written.sizeBytes).toBe(SMALL.length);
      expect((await stored()).equals(SMALL)).toBe(true);
    });

    test.each([
      ['its begin', isBegin],
      ['a part', isPart],
      ['its end', isEnd],
    ])('put() in parts is whole after it, at %s', async (_at, matches) => {
      bucket.spoil(fault, matches);

      await bucket.storeAt(bucket.proxy).put(KEY, bodyOf(LARGE), { signal });

      expect((await stored()).equals(LARGE)).toBe(true);
      // Of an upload whose begin was not heard of, nobody knows the name: the sweep finds it.
      const left = isBeginDone(fault) && matches === isBegin ? 1 : 0;
      expect(await unfinished()).toBe(left);
      expect(await bucket.storeAt(bucket.server).sweep({ signal, olderThanMs: -2000 })).toBe(left);
    });

    test('open() gives the right bytes after it', async () => {
      await bucket.storeAt(bucket.server).put(KEY, bodyOf(LARGE), { signal });
      bucket.spoil(fault, isGet);

      const whole = await buffer(await bucket.storeAt(bucket.proxy).open(KEY, { signal }));
      bucket.spoil(fault, isGet);
      const range = { startByte: MIB + 3, lengthBytes: 3 * MIB };
      const part = await buffer(await bucket.storeAt(bucket.proxy).open(KEY, { signal, ...range }));

      expect(whole.equals(LARGE)).toBe(true);
      expect(part.equals(LARGE.subarray(MIB + 3, 4 * MIB + 3))).toBe(true);
    });
  });

  test.each([
    ['whole', SMALL, isPut],
    ['in parts', LARGE, isEnd],
  ])('put() %s finds out by itself when no answer at all arrives', async (_how, bytes, matches) => {
    bucket.spoil({ kind: 'lose the answer' }, matches, IMPATIENT.attemptsMax);

    const written = await bucket.storeAt(bucket.proxy).put(KEY, bodyOf(bytes), { signal });

    expect(written).toMatchObject({ sizeBytes: bytes.length, outcome: 'already there' });
    expect((await stored()).equals(bytes)).toBe(true);
    expect(await unfinished()).toBe(0);
  });

  test('put() in parts is over when the object can be seen, not when it is called complete', async () => {
    let isEnded = false;
    let left = 3;
    const unseen: Fault = { kind: 'answer', status: 404, code: 'NoSuchKey' };
    bucket.proxy.choose = (asked) => {
      isEnded ||= isEnd(asked);
      return isEnded && isLook(asked) && left-- > 0 ? unseen : undefined;
    };

    const written = await bucket.storeAt(bucket.proxy).put(KEY, bodyOf(LARGE), { signal });

    expect(written).toMatchObject({ sizeBytes: LARGE.length, outcome: 'written' });
    expect(left).toBeLessThanOrEqual(0);
  });

  test('put() in parts fails when it is called complete and never seen', async () => {
    let isEnded = false;
    bucket.proxy.choose = (asked) => {
      isEnded ||= isEnd(asked);
      return isEnded && isLook(asked)
        ? { kind: 'answer', status: 404, code: 'NoSuchKey' }
        : undefined;
    };

    await expect(bucket.storeAt(bucket.proxy).put(KEY, bodyOf(LARGE), { signal })).rejects.toThrow(
      'The server called it complete, and it is not there',
    );
  });

  test('open() goes on at the byte that is missing, and reads none twice', async () => {
    await bucket.storeAt(bucket.server).put(KEY, bodyOf(LARGE), { signal });
    bucket.spoil({ kind: 'break off', by: 'reset' }, isGet, 4);

    const whole = await buffer(await bucket.storeAt(bucket.proxy).open(KEY, { signal }));

    expect(whole.equals(LARGE)).toBe(true);
    const begins = bucket.proxy.seen.filter(isGet).map(({ headers }) => firstByte(headers.range));
    expect(begins).toHaveLength(5);
    expect(begins).toEqual(begins.toSorted((a, b) => a - b));
    expect(new Set(begins).size).toBe(5);
  });

  test('open() never mixes two objects: one that became another is refused', async () => {
    const store = bucket.storeAt(bucket.server);
    await store.put(KEY, bodyOf(LARGE), { signal });
    bucket.spoil({ kind: 'break off', by: 'end' }, isGet);
    const reader = await bucket.storeAt(bucket.proxy).open(KEY, { signal });
    await store.remove(KEY, { signal });
    await store.put(KEY, bodyOf(randomBytes(LARGE.length)), { signal });

    const reading = buffer(reader);
    await expect(reading).rejects.toMatchObject({ kind: { code: 'STORAGE_OBJECT_DAMAGED' } });
    await expect(reading).rejects.toThrow('has become another one');
  });

  test.each<Fault>([{ kind: 'flip a bit' }, { kind: 'wrong checksum' }, { kind: 'shorten' }])(
    'open() never ends well with other bytes ($kind)',
    async (fault) => {
      const small = objectKey('shop/small');
      const store = bucket.storeAt(bucket.server);
      await store.put(small, bodyOf(SMALL), { signal });
      await store.put(KEY, bodyOf(LARGE), { signal });

      bucket.spoil(fault, isGet);
      const healed = await buffer(await bucket.storeAt(bucket.proxy).open(small, { signal }));
      expect(healed.equals(SMALL)).toBe(true);

      bucket.spoil(fault, isGet, 100);
      const damaged = { kind: { code: 'STORAGE_OBJECT_DAMAGED', retry: 'never' } };
      // Both are listened to from the start: either may end first.
      await Promise.all(
        [small, KEY].map(async (key) => {
          const read = bucket.storeAt(bucket.proxy).open(key, { signal });
          await expect(read.then((reader) => buffer(reader))).rejects.toMatchObject(damaged);
        }),
      );
    },
  );

  test('put() that arrives with another bit is refused by the server, and sent again', async () => {
    const store = bucket.storeAt(bucket.proxy);
    let sent = 0;
    bucket.proxy.choose = (asked) => {
      if (isPut(asked) && sent++ === 0) return { kind: 'spoil the request' };
      return undefined;
    };

    await store.put(KEY, bodyOf(SMALL), { signal });

    expect(sent).toBeGreaterThan(1);
    expect((await stored()).equals(SMALL)).toBe(true);
  });

  test('a server that stays busy is STORAGE_BUSY, after the last attempt and not before', async () => {
    bucket.spoil(SLOW_DOWN, () => true, 1000);
    const store = bucket.storeAt(bucket.proxy);

    const put = store.put(KEY, bodyOf(LARGE), { signal });

    await expect(put).rejects.toMatchObject({ kind: { code: 'STORAGE_BUSY', retry: 'later' } });
    expect(bucket.proxy.seen).toHaveLength(IMPATIENT.attemptsMax ?? 0);
    await expect(store.stat(KEY, { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_BUSY' },
    });
  });

  test('a server that is gone is STORAGE_UNREACHABLE, which is not an empty store', async () => {
    const { endpoint } = bucket.proxy;
    await bucket.proxy[Symbol.asyncDispose]();
    const store = bucket.storeAt({ endpoint });

    const calls = await Promise.allSettled([
      store.put(KEY, bodyOf(SMALL), { signal }),
      store.open(KEY, { signal }),
      store.stat(KEY, { signal }),
      Array.fromAsync(store.list('', { signal })),
      Array.fromAsync(store.census({ signal })),
      store.remove(KEY, { signal }),
      store.sweep({ signal, olderThanMs: 0 }),
    ]);

    expect(calls).toMatchObject(
      calls.map(() => ({ status: 'rejected', reason: { kind: { code: 'STORAGE_UNREACHABLE' } } })),
    );
  });

  test('an abort is heard at once while the server is silent, and its reason is told', async () => {
    await bucket.storeAt(bucket.server).put(KEY, bodyOf(LARGE), { signal });
    const patient = { ...IMPATIENT, idleMs: 60_000, answerMs: 60_000 };
    const store = bucket.storeAt(bucket.proxy, patient);
    const reason = new Error('Somebody cancelled');
    const other = objectKey('shop/base/two');
    const works: ((aborting: AbortSignal) => Promise<unknown>)[] = [
      (aborting) => store.put(other, bodyOf(SMALL), { signal: aborting }),
      (aborting) => store.put(other, bodyOf(LARGE), { signal: aborting }),
      (aborting) => store.stat(KEY, { signal: aborting }),
      (aborting) => store.open(KEY, { signal: aborting }),
      (aborting) => Array.fromAsync(store.list('', { signal: aborting })),
      (aborting) => store.remove(KEY, { signal: aborting }),
    ];

    for (const work of works) {
      const controller = new AbortController();
      bucket.proxy.choose = () => {
        queueMicrotask(() => controller.abort(reason));
        return { kind: 'hang' };
      };
      await expect(work(controller.signal)).rejects.toBe(reason);
    }

    expect(await bucket.storeAt(bucket.server).stat(other, { signal })).toBeUndefined();
    expect(await unfinished()).toBe(0);
  });

  test('a part that cannot be sent ends the put, even when the body waits for more', async () => {
    bucket.spoil({ kind: 'answer', status: 403, code: 'AccessDenied' }, isPart, 100);
    const put = bucket.storeAt(bucket.proxy).put(KEY, Readable.from(stuck()), { signal });

    await expect(put).rejects.toMatchObject({ kind: { code: 'STORAGE_DENIED' } });
    expect(await unfinished()).toBe(0);
  });

  test('remove() is not deceived by a listing that is older than the object', async () => {
    const store = bucket.storeAt(bucket.proxy);
    await store.remove(KEY, { signal });
    await store.put(KEY, bodyOf(SMALL), { signal });
    bucket.spoil({ kind: 'stale' }, isVersionList);

    await store.remove(KEY, { signal });

    expect(await store.stat(KEY, { signal })).toBeUndefined();
  });

  test('a listing that is older than a write misleads nobody who puts, opens or looks', async () => {
    const store = bucket.storeAt(bucket.proxy);
    await Array.fromAsync(store.list('', { signal }));
    await store.put(KEY, bodyOf(SMALL), { signal });
    bucket.spoil({ kind: 'stale' }, isList, 100);

    const again = await store.put(KEY, bodyOf(SMALL), { signal });
    const other = store.put(KEY, bodyOf(LARGE), { signal });

    expect(again.outcome).toBe('already there');
    await expect(other).rejects.toMatchObject({ kind: { code: 'STORAGE_WRITE_REFUSED' } });
    expect(await store.stat(KEY, { signal })).toEqual({ key: KEY, sizeBytes: SMALL.length });
  });
});

/** The server has begun an upload whose name we never heard. */
function isBeginDone({ kind }: Fault): boolean {
  return kind === 'lose the answer' || kind === 'break off';
}

function firstByte(range: string | undefined): number {
  return Number(/\d+/.exec(range ?? '0')?.[0]);
}

// A body that never ends, and never gives more.
async function* stuck(): AsyncGenerator<Buffer, void, undefined> {
  yield* pieces(LARGE, MIB);
  await new Promise<never>(() => undefined);
}
