/** Many writers and readers of a bucket behind a network that fails at random. */
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from 'vitest';

import { isProblem } from '../../src/kernel/problem.ts';
import type { ObjectKey } from '../../src/storage/object-store.ts';
import type { S3Store } from '../../src/storage/s3/store.ts';
import { type Fault, startFaultProxy } from '../support/fault-proxy.ts';
import { objectKey } from '../support/object-keys.ts';
import { needs, peerLacks, startVersitygw } from '../support/peers.ts';
import { makeBucket, peerSettings, peerStore } from '../support/s3-peers.ts';
import { bodyOf, IMPATIENT, PASSING_FAULTS } from '../support/s3-requests.ts';

const MIB = 1024 * 1024;
const WRITERS = 5;
/** Silence costs time, and is a fault of its own file. */
const FAULTS: readonly Fault[] = [
  ...PASSING_FAULTS.filter(({ kind }) => kind !== 'hang'),
  { kind: 'shorten' },
  { kind: 'flip a bit' },
];
const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`random faults${needs('versitygw')}`, () => {
  test('under random faults nothing is lost, torn or wrong', async () => {
    const seed = randomBytes(4).readUInt32LE();
    const random = randomNumbers(seed);
    await using server = await startVersitygw();
    await using proxy = await startFaultProxy(server.endpoint);
    await makeBucket(server, { name: 'faulty' });
    function storeAt({ endpoint }: { readonly endpoint: string }): S3Store {
      const settings = peerSettings({ ...server, endpoint }, { bucket: 'faulty' });
      return peerStore(settings, { limits: { ...IMPATIENT, idleMs: 5000 } });
    }
    const [store, calm] = [storeAt(proxy), storeAt(server)];
    const sizes = Array.from({ length: 30 }, (_, index) =>
      index % 10 === 0 ? Math.floor(random() * 11 * MIB) : Math.floor(random() ** 3 * 400_000),
    );
    const objects = sizes.map((size, index) => ({
      key: objectKey(`shop/random/${index}`),
      bytes: randomBytes(size),
    }));
    proxy.choose = ({ method }) => {
      if (random() > 0.25) return undefined;
      // Other bits in other answers are words of the protocol, and no server sends such.
      const possible = FAULTS.filter(({ kind }) => method === 'GET' || !isForBodies(kind));
      return possible[Math.floor(random() * possible.length)];
    };
    const told = { seed, failed: 0, wrong: 0, lost: 0 };

    async function write({ key, bytes }: { key: ObjectKey; bytes: Buffer }): Promise<void> {
      const done = await store.put(key, bodyOf(bytes), { signal }).catch(problemOnly);
      if (done === undefined) told.failed++;
      const inside = await calm.stat(key, { signal });
      if (done !== undefined && inside === undefined) told.lost++;
      if (
        inside !== undefined &&
        hash(await buffer(await calm.open(key, { signal }))) !== hash(bytes)
      )
        told.wrong++;
      const read = await store
        .open(key, { signal })
        .then((reader) => buffer(reader))
        .catch(problemOnly);
      if (read !== undefined && hash(read) !== hash(bytes)) told.wrong++;
    }
    const waiting = [...objects];
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await write(next);
      }),
    );
    proxy.choose = () => undefined;
    for (const { key, bytes } of objects) await calm.put(key, bodyOf(bytes), { signal });
    const listed = await Array.fromAsync(calm.list('', { signal }));

    expect(told).toEqual({ ...told, wrong: 0, lost: 0 });
    expect(listed.map(({ sizeBytes }) => sizeBytes).toSorted(ascending)).toEqual(
      sizes.toSorted(ascending),
    );
    expect(store.bufferCounts.heldBytes).toBe(0);
  });
});

function isForBodies(kind: Fault['kind']): boolean {
  return kind === 'shorten' || kind === 'flip a bit';
}

function ascending(a: number, b: number): number {
  return a - b;
}

function problemOnly(error: unknown): undefined {
  if (!isProblem(error)) throw error;
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
