/** What every ObjectStore promises. Each implementation's test file calls this once. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { ObjectStore } from '../../src/storage/object-store.ts';
import { pieces } from '../support/byte-source.ts';
import { objectKey } from '../support/object-keys.ts';

/** Three parts, where parts are of 5 MiB. */
const LARGE_BYTES = 11_000_003;

export interface ContractOptions {
  /** The store can lock. */
  readonly locks?: boolean;
}

export function objectStoreContract(
  name: string,
  openStore: () => Promise<ObjectStore>,
  { locks = false }: ContractOptions = {},
): void {
  objectVerbs(name, openStore);
  if (locks) objectLocks(name, openStore);
}

function objectVerbs(name: string, openStore: () => Promise<ObjectStore>): void {
  const { signal } = new AbortController();
  const key = objectKey('orders/base/one');

  async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
    const infos = await Array.fromAsync(store.list(prefix, { signal }));
    return infos.map((info) => info.key);
  }

  describe(`${name} keeps the ObjectStore contract`, () => {
    test('open() answers with the bytes put() was given', async () => {
      const store = await openStore();

      const written = await store.put(key, body('abc'), { signal });

      expect(written).toEqual({ key, sizeBytes: 3, outcome: 'written' });
      expect(await text(await store.open(key, { signal }))).toBe('abc');
      expect(await store.stat(key, { signal })).toEqual({ key, sizeBytes: 3 });
    });

    test('takes an empty object', async () => {
      const store = await openStore();

      await store.put(key, Readable.from([]), { signal });

      expect(await text(await store.open(key, { signal }))).toBe('');
      expect(await store.stat(key, { signal })).toEqual({ key, sizeBytes: 0 });
    });

    test('open() of any range answers with these bytes, and fewer at the end', async () => {
      const store = await openStore();
      const bytes = randomBytes(700_000);
      await store.put(key, Readable.from(pieces(bytes, 65_536)), { signal });

      await fc.assert(
        fc.asyncProperty(fc.nat(800_000), fc.nat(800_000), async (startByte, lengthBytes) => {
          const range = await buffer(await store.open(key, { signal, startByte, lengthBytes }));
          expect(range.equals(bytes.subarray(startByte, startByte + lengthBytes))).toBe(true);
        }),
        { numRuns: 30 },
      );
      const end = await buffer(await store.open(key, { signal, startByte: 699_990 }));
      expect(end.equals(bytes.subarray(699_990))).toBe(true);
    });

    test('takes bodies of many parts, and gives any range of them', async () => {
      const store = await openStore();
      const bytes = randomBytes(LARGE_BYTES);

      const written = await store.put(key, Readable.from(pieces(bytes, 700_001)), { signal });
      const again = await store.put(key, Readable.from(pieces(bytes, 500_000)), { signal });
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(LARGE_BYTES - 1) ^ 1, LARGE_BYTES - 1);
      const refused = store.put(key, Readable.from(pieces(other, 500_000)), { signal });

      expect(written).toEqual({ key, sizeBytes: LARGE_BYTES, outcome: 'written' });
      expect(again.outcome).toBe('already there');
      await expect(refused).rejects.toMatchObject({ kind: { code: 'STORAGE_WRITE_REFUSED' } });
      expect((await buffer(await store.open(key, { signal }))).equals(bytes)).toBe(true);
      for (const [startByte, end] of [
        [5_242_870, 5_242_890],
        [1_000_000, 10_500_000],
        [10_485_760, LARGE_BYTES + 5],
      ] as const) {
        const range = { startByte, lengthBytes: end - startByte };
        const part = await buffer(await store.open(key, { signal, ...range }));
        expect(part.equals(bytes.subarray(startByte, end))).toBe(true);
      }
    });

    test('a large body that fails in its middle leaves nothing, not even half of it', async () => {
      const store = await openStore();
      const put = store.put(key, Readable.from(failingLate()), { signal });

      await expect(put).rejects.toThrow('The source went away');
      expect(await Array.fromAsync(store.census({ signal }))).toEqual([]);
      expect(await store.sweep({ signal, olderThanMs: -60_000 })).toBe(0);
    });

    test('open() of a missing object is the problem STORAGE_OBJECT_MISSING', async () => {
      const store = await openStore();

      await expect(store.open(key, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_OBJECT_MISSING' },
      });
      expect(await store.stat(key, { signal })).toBeUndefined();
    });

    test('put() never replaces other bytes, and does not mind the same ones', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal });

      const again = await store.put(key, body('abc'), { signal });
      const other = store.put(key, body('xyz'), { signal });

      expect(again.outcome).toBe('already there');
      await expect(other).rejects.toMatchObject({ kind: { code: 'STORAGE_WRITE_REFUSED' } });
      expect(await text(await store.open(key, { signal }))).toBe('abc');
    });

    test('put() of other bytes at the same moment is refused to all but one', async () => {
      const store = await openStore();

      const attempts = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((content) => store.put(key, body(content), { signal })),
      );

      expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('a body that fails leaves nothing, and its own error is told', async () => {
      const store = await openStore();

      await expect(store.put(key, Readable.from(failing()), { signal })).rejects.toThrow(
        'The source went away',
      );

      expect(await store.stat(key, { signal })).toBeUndefined();
      expect(await keysOf(store, '')).toEqual([]);
      expect(await store.sweep({ signal, olderThanMs: 0 })).toBe(0);
    });

    test('an abort in the middle of a body leaves nothing, and its reason is told', async () => {
      const store = await openStore();
      const controller = new AbortController();
      const reason = new Error('Somebody cancelled');
      async function* endless(): AsyncGenerator<Buffer, void, undefined> {
        yield randomBytes(100_000);
        controller.abort(reason);
        await new Promise<never>(() => undefined);
      }

      const put = store.put(key, Readable.from(endless()), { signal: controller.signal });

      await expect(put).rejects.toBe(reason);
      expect(await keysOf(store, '')).toEqual([]);
    });

    test('nothing begins when the signal is aborted already', async () => {
      const store = await openStore();
      const aborted = AbortSignal.abort(new Error('Too late'));

      await expect(store.put(key, body('abc'), { signal: aborted })).rejects.toThrow('Too late');
      await expect(store.open(key, { signal: aborted })).rejects.toThrow('Too late');
      await expect(Array.fromAsync(store.list('', { signal: aborted }))).rejects.toThrow(
        'Too late',
      );

      expect(await store.stat(key, { signal })).toBeUndefined();
    });

    test('list() answers keys with the prefix in ascending order, wherever folders end', async () => {
      const store = await openStore();
      const keys = ['a/b', 'a-b', 'a.b', 'a/b-c/d', 'a/b.c', 'ab', 'a/c/d/e', 'b/a', 'A/z', 'a0'];
      for (const one of keys) await store.put(objectKey(`x/${one}`), body(one), { signal });

      expect(await keysOf(store, '')).toEqual(keys.map((one) => `x/${one}`).toSorted());
      for (const prefix of [
        'x/',
        'x/a',
        'x/a/',
        'x/a/b',
        'x/a/b-c/',
        'x/a/c/d',
        'x/b/a',
        'y',
        'x//',
      ])
        expect(await keysOf(store, prefix)).toEqual(
          keys
            .map((one) => `x/${one}`)
            .filter((one) => one.startsWith(prefix))
            .toSorted(),
        );
    });

    test('list() answers only keys that come after the given text, a key or not', async () => {
      const store = await openStore();
      const keys = ['x/a-b', 'x/a/b', 'x/a/c/d', 'x/a0', 'x/b/a', 'y/a'];
      for (const one of keys) await store.put(objectKey(one), body(one), { signal });

      const texts = ['x/a/b', 'x/a/', 'x/a/c', 'x/a/~', 'x/a', 'x', 'x/~', 'x/a/c/d/e', 'z', ''];
      for (const after of texts) {
        const infos = await Array.fromAsync(store.list('x/', { signal, after }));
        const wanted = keys.filter((one) => one.startsWith('x/') && one > after);
        expect([after, infos.map((info) => info.key)]).toEqual([after, wanted]);
      }
    });

    test('remove() removes one object, and does not mind a missing one', async () => {
      const store = await openStore();
      const other = objectKey('orders/base/two');
      await store.put(key, body('abc'), { signal });
      await store.put(other, body('abc'), { signal });

      await store.remove(key, { signal });
      await store.remove(key, { signal });

      expect(await keysOf(store, '')).toEqual([other]);
      expect((await store.put(key, body('new'), { signal })).outcome).toBe('written');
    });

    test('census() counts every object with its size', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal });
      await store.put(objectKey('orders/wal/two'), body('de'), { signal });

      const items = await Array.fromAsync(store.census({ signal }));
      const sizes = items.map((item) => `${item.key} ${item.sizeBytes} ${item.state}`);
      expect(sizes.toSorted()).toEqual([`${key} 3 current`, 'orders/wal/two 2 current']);
    });

    test('sweep() leaves finished objects alone', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal });

      expect(await store.sweep({ signal, olderThanMs: 0 })).toBe(0);

      expect(await keysOf(store, '')).toEqual([key]);
    });
  });
}

function objectLocks(name: string, openStore: () => Promise<ObjectStore>): void {
  const { signal } = new AbortController();
  const key = objectKey('orders/base/one');
  const [soon, late] = [1, 2].map((hours) => Temporal.Now.instant().add({ hours }));
  if (soon === undefined || late === undefined) throw new TypeError('There are two moments');

  /** What it is locked until may be a second later than was asked. */
  async function isRetained(store: ObjectStore, until: Temporal.Instant): Promise<boolean> {
    const found = await store.locks?.retainedUntil(key, { signal });
    const secondsLater = found?.since(until).total('seconds') ?? Number.NaN;
    return secondsLater >= 0 && secondsLater < 1.001;
  }

  describe(`${name} keeps locks`, () => {
    test('nobody removes before its time what was put with one', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal, retainUntil: soon });

      await expect(store.remove(key, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_OBJECT_LOCKED', fault: 'refused' },
      });

      expect(await isRetained(store, soon)).toBe(true);
      expect(await text(await store.open(key, { signal }))).toBe('abc');
    });

    test('large objects are locked as well', async () => {
      const store = await openStore();
      const bytes = randomBytes(6_000_000);
      await store.put(key, Readable.from(pieces(bytes, 1_000_000)), { signal, retainUntil: soon });

      await expect(store.remove(key, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_OBJECT_LOCKED' },
      });
      expect(await isRetained(store, soon)).toBe(true);
    });

    test('retain() makes it later and never earlier', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal });
      expect(await store.locks?.retainedUntil(key, { signal })).toBeUndefined();

      await store.locks?.retain(key, soon, { signal });
      expect(await isRetained(store, soon)).toBe(true);
      await store.locks?.retain(key, late, { signal });
      await store.locks?.retain(key, soon, { signal });

      expect(await isRetained(store, late)).toBe(true);
    });

    test('the same bytes put again with a later time are locked until then', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal, retainUntil: soon });

      const again = await store.put(key, body('abc'), { signal, retainUntil: late });

      expect(again.outcome).toBe('already there');
      expect(await isRetained(store, late)).toBe(true);
    });

    test('retain() of a missing object is the problem STORAGE_OBJECT_MISSING', async () => {
      const store = await openStore();

      await expect(store.locks?.retain(key, soon, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_OBJECT_MISSING' },
      });
    });

    test('what is not locked can be removed', async () => {
      const store = await openStore();
      await store.put(key, body('abc'), { signal });

      await store.remove(key, { signal });

      expect(await store.stat(key, { signal })).toBeUndefined();
    });
  });
}

function body(content: string): Readable {
  return Readable.from([Buffer.from(content)]);
}

async function* failingLate(): AsyncGenerator<Buffer, void, undefined> {
  yield* pieces(randomBytes(7_000_000), 1_000_000);
  throw new Error('The source went away');
}

async function* failing(): AsyncGenerator<Buffer, void, undefined> {
  yield randomBytes(100_000);
  throw new Error('The source went away');
}
