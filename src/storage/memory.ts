/** A store in memory: a real implementation for tests, held to the same contract as every other. */
import { Readable } from 'node:stream';

import { Problem } from '../kernel/problem.ts';
import { collectBody } from './body.ts';
import { requireKey } from './keys.ts';
import type {
  CallOptions,
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  OpenOptions,
  Written,
} from './object-store.ts';
import { OBJECT_MISSING, WRITE_REFUSED } from './problems.ts';

export function memoryStore(): ObjectStore {
  return new MemoryStore();
}

class MemoryStore implements ObjectStore {
  readonly description = 'memory';
  readonly #objects = new Map<ObjectKey, Buffer>();

  async put(key: ObjectKey, body: Readable, { signal }: CallOptions): Promise<Written> {
    requireKey(key);
    const bytes = await collect(body, signal);
    const present = this.#objects.get(key);
    if (present !== undefined && !present.equals(bytes))
      throw new Problem(WRITE_REFUSED, `Cannot write "${key}": it holds other bytes`, {
        facts: { key },
      });
    this.#objects.set(key, bytes);
    const outcome = present === undefined ? 'written' : 'already there';
    return { key, sizeBytes: bytes.length, outcome };
  }

  async open(
    key: ObjectKey,
    { signal, startByte = 0, lengthBytes = Number.POSITIVE_INFINITY }: OpenOptions,
  ): Promise<Readable> {
    signal.throwIfAborted();
    const bytes = this.#objects.get(key);
    if (bytes === undefined)
      throw new Problem(OBJECT_MISSING, `Cannot open "${key}": no such object`, {
        facts: { key },
      });
    const range = bytes.subarray(startByte, startByte + lengthBytes);
    return Readable.from(range.length > 0 ? [range] : [], { objectMode: false });
  }

  async stat(key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo | undefined> {
    signal.throwIfAborted();
    const bytes = this.#objects.get(key);
    return bytes === undefined ? undefined : { key, sizeBytes: bytes.length };
  }

  async *list(prefix: string, { signal }: CallOptions): AsyncIterable<ObjectInfo> {
    signal.throwIfAborted();
    for (const key of [...this.#objects.keys()].toSorted()) {
      signal.throwIfAborted();
      const bytes = this.#objects.get(key);
      if (key.startsWith(prefix) && bytes !== undefined) yield { key, sizeBytes: bytes.length };
    }
  }

  async remove(key: ObjectKey, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    this.#objects.delete(key);
  }

  /** Nothing is ever left behind. */
  async sweep({ signal }: CallOptions): Promise<number> {
    signal.throwIfAborted();
    return 0;
  }
}

async function collect(body: Readable, signal: AbortSignal): Promise<Buffer> {
  try {
    return Buffer.concat(await Array.fromAsync(collectBody(body, { signal })));
  } finally {
    body.destroy();
  }
}
