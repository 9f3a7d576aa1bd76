/** What comes back out of a store of WAL: joined, checked, or refused. */
import { randomBytes } from 'node:crypto';

import { beforeEach, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { segmentKey, tailKey } from '../../src/engines/streaming/wal-format.ts';
import { putWal, readWal } from '../../src/engines/streaming/wal-objects.ts';
import { WAL_CONFLICT, WAL_DAMAGED } from '../../src/engines/streaming/wal-problems.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { lsnBytes, lsnFromBytes } from '../../src/kernel/lsn.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { type SegmentName, segmentNameAt, segmentPlace } from '../../src/kernel/wal-name.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { faultyStore } from '../support/faulty-store.ts';

const SEGMENT_BYTES = 64 * 1024;
const BEGIN = BigInt(SEGMENT_BYTES) * 7n;
const RING = keyRing(new Map([['k1', randomBytes(32)]]));
const { signal } = new AbortController();
const server = 'shop';
if (!isServerName(server)) throw new TypeError(server);
const FOLDER = { server, major: 15, systemId: '7341' };
const NAME = segmentNameAt(1, lsnFromBytes(BEGIN), SEGMENT_BYTES);
let store: ObjectStore;

beforeEach(() => {
  store = memoryStore();
});

test('gives a whole segment back', async () => {
  const bytes = randomBytes(SEGMENT_BYTES);
  await putSegment(bytes);

  expect(await fetched()).toEqual(bytes);
});

test('joins the tails of an unfinished segment, and answers no more than is stored', async () => {
  const bytes = randomBytes(5000);
  await putTail(bytes, 0, 1200);
  await putTail(bytes, 1200, 4000);
  // After a new start the receiver begins at the segment's first byte again.
  await putTail(bytes, 0, 3000);
  await putTail(bytes, 4000, 5000);

  const whole = await fetched();

  expect(whole).toEqual(bytes);
});

test('ends at a tail that is missing, as the inventory says', async () => {
  const bytes = randomBytes(5000);
  await putTail(bytes, 0, 1200);
  await putTail(bytes, 2000, 5000);

  const whole = await fetched();
  const { runs } = await inventory();

  expect(whole).toEqual(bytes.subarray(0, 1200));
  expect(runs.map(({ toLsn }) => toLsn)).toEqual([lsnFromBytes(BEGIN + 1200n)]);
});

test('says absent only where nothing is stored', async () => {
  expect(await fetched()).toBeUndefined();
});

test('prefers the whole segment to its tails', async () => {
  const bytes = randomBytes(SEGMENT_BYTES);
  await putTail(randomBytes(5000), 0, 5000);
  await putSegment(bytes);

  expect(await fetched()).toEqual(bytes);
});

test('refuses a segment that was changed in the store, and does not write it', async () => {
  await putSegment(randomBytes(SEGMENT_BYTES));
  const faulty = faultyStore(store);
  faulty.damage(/\/wal\//, (bytes, at) => {
    const changed = Buffer.from(bytes);
    const target = 2000 - at;
    if (target >= 0 && target < changed.length) changed[target] = (changed[target] ?? 0) ^ 1;
    return changed;
  });
  store = faulty;

  await expect(fetched()).rejects.toSatisfy((error) => isProblem(error, WAL_DAMAGED));
});

test('refuses a segment whose content is not the one its name stands for', async () => {
  const name = RING.contentName(randomBytes(10));
  const key = segmentKey(FOLDER, NAME, name);
  await putWal(place(), key, randomBytes(SEGMENT_BYTES));

  await expect(fetched()).rejects.toSatisfy((error) => isProblem(error, WAL_DAMAGED));
});

test('refuses a segment that is stored with two contents', async () => {
  await putSegment(randomBytes(SEGMENT_BYTES));
  await putSegment(randomBytes(SEGMENT_BYTES));

  await expect(fetched()).rejects.toSatisfy((error) => isProblem(error, WAL_DAMAGED));
  expect((await inventory()).segments).toBe(1);
});

test('reads into the memory that is offered, whatever it held before', async () => {
  const [whole, unfinished] = [randomBytes(SEGMENT_BYTES), randomBytes(SEGMENT_BYTES)];
  const next = segmentNameAt(1, lsnFromBytes(BEGIN + BigInt(SEGMENT_BYTES)), SEGMENT_BYTES);
  await putSegment(whole);
  await putTail(unfinished, 0, 3000, next);
  const into = randomBytes(SEGMENT_BYTES + 100);

  const first = await fetched(NAME, into);
  expect(first?.equals(whole)).toBe(true);
  expect(first?.buffer).toBe(into.buffer);

  const second = await fetched(next, into);
  expect(second?.equals(unfinished.subarray(0, 3000))).toBe(true);
  expect(second?.buffer).toBe(into.buffer);
});

test('reads what is larger than the usual segment, and refuses what is larger than it may be', async () => {
  // In more than one piece, and the last not full.
  const large = Buffer.concat([randomBytes(5 << 20), Buffer.alloc((36 << 20) + 7, 'log')]);
  const key = segmentKey(FOLDER, NAME, RING.contentName(large));
  await putWal(place(), key, large);

  expect((await readWal(place(), key, { bytesMax: 1 << 30 })).equals(large)).toBe(true);
  const into = Buffer.alloc(large.length);
  expect((await readWal(place(), key, { bytesMax: large.length, into })).equals(large)).toBe(true);
  await expect(readWal(place(), key, { bytesMax: large.length - 1 })).rejects.toThrow(
    /it holds more than/,
  );
});

test('refuses tails whose beginning is missing', async () => {
  await putTail(randomBytes(5000), 1200, 5000);

  await expect(fetched()).rejects.toSatisfy((error) => isProblem(error, WAL_DAMAGED));
});

test('does not store the same bytes twice', async () => {
  const bytes = randomBytes(SEGMENT_BYTES);
  const key = segmentKey(FOLDER, NAME, RING.contentName(bytes));

  expect(await putWal(place(), key, bytes)).toBe('written');
  expect(await putWal(place(), key, bytes)).toBe('already there');
});

test('does not take the bytes of a tail for stored because others have their name', async () => {
  await putTail(randomBytes(5000), 0, 1200);

  await expect(putTail(randomBytes(5000), 0, 1200)).rejects.toSatisfy((error) =>
    isProblem(error, WAL_CONFLICT),
  );
});

test('does not count a segment with two contents as stored', async () => {
  await putSegment(randomBytes(SEGMENT_BYTES));
  await putSegment(randomBytes(SEGMENT_BYTES));
  const next = randomBytes(SEGMENT_BYTES);
  const after = segmentNameAt(1, lsnFromBytes(BEGIN + BigInt(SEGMENT_BYTES)), SEGMENT_BYTES);
  await putWal(place(), segmentKey(FOLDER, after, RING.contentName(next)), next);

  const { runs } = await inventory();

  expect(runs.map(({ fromLsn }) => fromLsn)).toEqual([lsnFromBytes(BEGIN + BigInt(SEGMENT_BYTES))]);
});

function place(): Parameters<typeof putWal>[0] {
  return { store, ring: RING, folder: FOLDER, signal };
}

async function putSegment(bytes: Buffer): Promise<void> {
  await putWal(place(), segmentKey(FOLDER, NAME, RING.contentName(bytes)), bytes);
}

async function putTail(
  bytes: Buffer,
  from: number,
  to: number,
  segment: SegmentName = NAME,
): Promise<void> {
  const begin = lsnBytes(segmentPlace(segment, SEGMENT_BYTES).beginLsn);
  const tail = {
    segment,
    from: lsnFromBytes(begin + BigInt(from)),
    to: lsnFromBytes(begin + BigInt(to)),
  };
  await putWal(place(), tailKey(FOLDER, tail), bytes.subarray(from, to));
}

/** Undefined: absent. */
async function fetched(name: SegmentName = NAME, into?: Buffer): Promise<Buffer | undefined> {
  return await walStore.read({ ...place(), segmentBytes: SEGMENT_BYTES, name, into });
}

async function inventory(): ReturnType<typeof walStore.inventory> {
  return await walStore.inventory({ ...place(), segmentBytes: SEGMENT_BYTES });
}
