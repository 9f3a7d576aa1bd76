/**
 * A store in memory: a real implementation for tests, held to the same contract as every other. Given a
 * clock it keeps locks, as a bucket with Object Lock does.
 */
import { Readable } from 'node:stream';

import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import { collectBody } from './body.ts';
import { requireKey } from './keys.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectInfo,
  ObjectKey,
  ObjectLocks,
  ObjectStore,
  OpenOptions,
  PutOptions,
  StoredItem,
  Written,
} from './object-store.ts';
import { OBJECT_LOCKED, OBJECT_MISSING, WRITE_REFUSED } from './problems.ts';

export function memoryStore(options: { readonly locks?: Pick<Clock, 'now'> } = {}): ObjectStore {
  return new MemoryStore(options.locks);
}

class MemoryStore implements ObjectStore {
  readonly description = 'memory';
  readonly locks: ObjectLocks | undefined;
  readonly #objects = new Map<ObjectKey, Buffer>();
  readonly #retained = new Map<ObjectKey, Temporal.Instant>();
  readonly #clock: Pick<Clock, 'now'> | undefined;

  constructor(clock: Pick<Clock, 'now'> | undefined) {
    this.#clock = clock;
    if (clock === undefined) return;
    this.locks = {
      retain: async (key, until, { signal }) => {
        signal.throwIfAborted();
        if (!this.#objects.has(key)) throw missing(key);
        this.#retain(key, until);
      },
      retainedUntil: async (key, { signal }) => {
        signal.throwIfAborted();
        return this.#retained.get(key);
      },
    };
  }

  async put(key: ObjectKey, body: Readable, { signal, retainUntil }: PutOptions): Promise<Written> {
    requireKey(key);
    const bytes = await collect(body, signal);
    const present = this.#objects.get(key);
    if (present !== undefined && !present.equals(bytes))
      throw new Problem(WRITE_REFUSED, `Cannot write "${key}": it holds other bytes`, {
        facts: { key },
      });
    this.#objects.set(key, bytes);
    if (retainUntil !== undefined && this.#clock !== undefined) this.#retain(key, retainUntil);
    const outcome = present === undefined ? 'written' : 'already there';
    return { key, sizeBytes: bytes.length, outcome };
  }

  async open(
    key: ObjectKey,
    { signal, startByte = 0, lengthBytes = Number.POSITIVE_INFINITY }: OpenOptions,
  ): Promise<Readable> {
    signal.throwIfAborted();
    const bytes = this.#objects.get(key);
    if (bytes === undefined) throw missing(key);
    const range = bytes.subarray(startByte, startByte + lengthBytes);
    return Readable.from(range.length > 0 ? [range] : [], { objectMode: false });
  }

  async stat(key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo | undefined> {
    signal.throwIfAborted();
    const bytes = this.#objects.get(key);
    return bytes === undefined ? undefined : { key, sizeBytes: bytes.length };
  }

  async *list(prefix: string, { signal, after = '' }: ListOptions): AsyncIterable<ObjectInfo> {
    signal.throwIfAborted();
    for (const key of [...this.#objects.keys()].toSorted()) {
      signal.throwIfAborted();
      const bytes = this.#objects.get(key);
      if (key.startsWith(prefix) && key > after && bytes !== undefined)
        yield { key, sizeBytes: bytes.length };
    }
  }

  async remove(key: ObjectKey, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    const until = this.#retained.get(key);
    const now = this.#clock?.now();
    if (until !== undefined && now !== undefined && Temporal.Instant.compare(until, now) > 0)
      throw new Problem(
        OBJECT_LOCKED,
        `Cannot remove "${key}": it is locked until ${utcText(until)}`,
        { facts: { key, until: utcText(until) } },
      );
    this.#objects.delete(key);
    this.#retained.delete(key);
  }

  async *census({ signal }: CallOptions): AsyncIterable<StoredItem> {
    for await (const { key, sizeBytes } of this.list('', { signal }))
      yield { key, sizeBytes, state: 'current' };
  }

  /** Nothing is ever left behind. */
  async sweep({ signal }: CallOptions): Promise<number> {
    signal.throwIfAborted();
    return 0;
  }

  #retain(key: ObjectKey, until: Temporal.Instant): void {
    const known = this.#retained.get(key);
    if (known === undefined || Temporal.Instant.compare(until, known) > 0)
      this.#retained.set(key, until);
  }
}

function missing(key: ObjectKey): Problem {
  return new Problem(OBJECT_MISSING, `Cannot open "${key}": no such object`, { facts: { key } });
}

async function collect(body: Readable, signal: AbortSignal): Promise<Buffer> {
  try {
    return Buffer.concat(await Array.fromAsync(collectBody(body, { signal })));
  } finally {
    body.destroy();
  }
}
