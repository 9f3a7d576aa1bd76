/** Wraps a store and fails the calls it was told to fail; everything else passes through. */
import { Readable } from 'node:stream';

import type {
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  StoredItem,
} from '../../src/storage/object-store.ts';

export type Method = 'put' | 'open' | 'stat' | 'list' | 'remove' | 'sweep' | 'census';

export interface FaultyStore extends ObjectStore {
  /** The next call of `method` rejects with `error`; the one after it passes. */
  failNext(method: Method, error: Error): void;
  /** Writing fails once so many bytes of bodies have been taken, from now on. */
  failWritesAfter(bytes: number, error: Error): void;
  /** Putting a key that matches does put it, then rejects with `error`. */
  failPut(key: RegExp, error: Error): void;
  /** What `open()` gives of keys that match is changed: `at` counts from the object's begin. */
  damage(key: RegExp, change: (bytes: Buffer, at: number) => Buffer): void;
  /** Keys that were put, in the order in which they were done. */
  readonly puts: readonly ObjectKey[];
}

export function faultyStore(inner: ObjectStore): FaultyStore {
  const faults = new Map<Method, Error[]>();
  const puts: ObjectKey[] = [];
  let room: { leftBytes: number; readonly error: Error } | undefined;
  let afterPut: { readonly key: RegExp; readonly error: Error } | undefined;
  let damage: { key: RegExp; change: (bytes: Buffer, at: number) => Buffer } | undefined;

  function maybeFail(method: Method): void {
    const error = faults.get(method)?.shift();
    if (error !== undefined) throw error;
  }

  async function* counted(body: Readable): AsyncGenerator<unknown, void, undefined> {
    for await (const chunk of body as AsyncIterable<unknown>) {
      if (room !== undefined && Buffer.isBuffer(chunk)) {
        room.leftBytes -= chunk.length;
        if (room.leftBytes < 0) throw room.error;
      }
      yield chunk;
    }
  }

  async function* list(
    ...[prefix, options]: Parameters<ObjectStore['list']>
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    maybeFail('list');
    yield* inner.list(prefix, options);
  }

  async function* census(
    ...[options]: Parameters<ObjectStore['census']>
  ): AsyncGenerator<StoredItem, void, undefined> {
    maybeFail('census');
    yield* inner.census(options);
  }

  return {
    locks: inner.locks,
    census,
    description: `faulty ${inner.description}`,
    puts,
    failNext(method, error) {
      faults.set(method, [...(faults.get(method) ?? []), error]);
    },
    failWritesAfter(bytes, error) {
      room = { leftBytes: bytes, error };
    },
    failPut(key, error) {
      afterPut = { key, error };
    },
    damage(key, change) {
      damage = { key, change };
    },
    async put(key, body, options) {
      maybeFail('put');
      const written = await inner.put(
        key,
        room === undefined ? body : Readable.from(counted(body), { objectMode: false }),
        options,
      );
      if (afterPut?.key.test(key) === true) throw afterPut.error;
      puts.push(key);
      return written;
    },
    async open(key, options) {
      maybeFail('open');
      const body = await inner.open(key, options);
      if (damage === undefined || !damage.key.test(key)) return body;
      return Readable.from(damaged(body, options.startByte ?? 0, damage.change));
    },
    async stat(key, options) {
      maybeFail('stat');
      return await inner.stat(key, options);
    },
    list,
    async remove(key, options) {
      maybeFail('remove');
      await inner.remove(key, options);
    },
    async sweep(options) {
      maybeFail('sweep');
      return await inner.sweep(options);
    },
  };
}

async function* damaged(
  body: Readable,
  begin: number,
  change: (bytes: Buffer, at: number) => Buffer,
): AsyncGenerator<Buffer, void, undefined> {
  let at = begin;
  for await (const chunk of body as AsyncIterable<unknown>) {
    if (!Buffer.isBuffer(chunk)) continue;
    yield change(Buffer.from(chunk), at);
    at += chunk.length;
  }
}
