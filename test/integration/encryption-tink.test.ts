/**
 * Our sealed streams against Tink's Python package, both ways: what we seal Tink opens, what Tink seals
 * we open, and what either side must refuse both refuse. So nobody depends on us to read a backup.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { associatedData, SEGMENT_BYTES } from '../../src/encryption/format.ts';
import { encryptObject } from '../../src/encryption/object.ts';
import {
  STREAM_HEADER_BYTES,
  StreamOpener,
  StreamSealer,
  segmentRange,
} from '../../src/encryption/tink-stream.ts';
import { isProblem } from '../../src/kernel/problem.ts';
import { needs, peerLacks } from '../support/peers.ts';
import { startTink, type TinkKeys, type TinkPeer } from '../support/tink-peer.ts';

const FIRST = SEGMENT_BYTES - STREAM_HEADER_BYTES - 16;
const REST = SEGMENT_BYTES - 16;
const IDENTITY = { systemId: '7341', name: 'shop/15-7341/base/20261122T010000Z/pack-0001' };
const KEYS: TinkKeys = { key: randomBytes(32), associated: associatedData(IDENTITY) };

/** Around every place where a segment begins or ends. */
const SIZES = [0, 1, 15, 16, 17]
  .concat([FIRST - 1, FIRST, FIRST + 1])
  .concat([SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1])
  .concat([FIRST + REST - 1, FIRST + REST, FIRST + REST + 1])
  .concat([
    FIRST + 2 * REST - 1,
    FIRST + 2 * REST,
    FIRST + 2 * REST + 1,
    5 * SEGMENT_BYTES + 12_345,
  ]);

/** Each makes another thing of a stream of four segments. */
const CHANGES: readonly (readonly [what: string, change: (sealed: Buffer) => Buffer])[] = [
  ['a bit flipped in the header', (sealed) => flipped(sealed, 5)],
  ['a bit flipped in the first segment', (sealed) => flipped(sealed, STREAM_HEADER_BYTES + 9)],
  ['a bit flipped in a tag', (sealed) => flipped(sealed, 2 * SEGMENT_BYTES - 1)],
  ['a bit flipped at the end', (sealed) => flipped(sealed, sealed.length - 1)],
  ['a cut at the edge of a segment', (sealed) => sealed.subarray(0, 2 * SEGMENT_BYTES)],
  ['a cut inside of a segment', (sealed) => sealed.subarray(0, 2 * SEGMENT_BYTES + 77)],
  ['nothing left but the header', (sealed) => sealed.subarray(0, STREAM_HEADER_BYTES)],
  ['two segments swapped', (sealed) => joined(sealed, [0, 2, 1, 3])],
  ['a segment twice', (sealed) => joined(sealed, [0, 1, 1, 2, 3])],
  ['a segment left out', (sealed) => joined(sealed, [0, 2, 3])],
  ['a byte appended', (sealed) => Buffer.concat([sealed, Buffer.of(0)])],
  ['a whole segment appended', (sealed) => joined(sealed, [0, 1, 2, 3, 1])],
];

describe.skipIf(peerLacks('python') !== undefined)(`Tink${needs('python')}`, () => {
  let tink: TinkPeer;

  beforeAll(async () => {
    tink = await startTink();
  });
  afterAll(async () => await tink[Symbol.asyncDispose]());

  test.each(SIZES)('opens what we sealed, and we open what it sealed: %i bytes', async (size) => {
    const plain = randomBytes(size);
    const ours = seal(plain);
    const theirs = await tink.seal(plain, KEYS);

    expect(theirs.length).toBe(ours.length);
    expect((await tink.open(ours, KEYS))?.equals(plain)).toBe(true);
    expect(open(theirs)?.equals(plain)).toBe(true);
  });

  test.each(CHANGES)('refuses, as we do, %s', async (_what, change) => {
    const plain = randomBytes(3 * SEGMENT_BYTES + 500);
    const [ours, theirs] = [seal(plain), await tink.seal(plain, KEYS)];

    expect(await tink.open(change(ours), KEYS)).toBeUndefined();
    expect(open(change(theirs))).toBeUndefined();
    expect(open(change(ours))).toBeUndefined();
  });

  test('refuses, as we do, what was sealed for another name, another cluster, or another key', async () => {
    const plain = randomBytes(1000);
    const [ours, theirs] = [seal(plain), await tink.seal(plain, KEYS)];
    const others = [
      { ...KEYS, associated: associatedData({ ...IDENTITY, name: `${IDENTITY.name}x` }) },
      { ...KEYS, associated: associatedData({ ...IDENTITY, systemId: '7342' }) },
      { ...KEYS, associated: Buffer.alloc(0) },
      { ...KEYS, key: randomBytes(32) },
    ];

    for (const keys of others) {
      expect(await tink.open(ours, keys)).toBeUndefined();
      expect(open(theirs, keys)).toBeUndefined();
    }
  });

  test('opens a whole stored object behind its header, with the data key that the ring unwraps', async () => {
    const ring = keyRing(new Map([['k1', randomBytes(32)]]));
    const plain = randomBytes(SEGMENT_BYTES + 1);
    const options = { ring, identity: IDENTITY };

    const stored = Buffer.concat(await Array.fromAsync(encryptObject([plain], options)));

    const headBytes = 8 + stored.readUInt16BE(6);
    const head: unknown = JSON.parse(stored.toString('utf8', 8, headBytes));
    const key = ring.unwrap(wrappedOf(head), IDENTITY);
    const opened = await tink.open(stored.subarray(headBytes), { ...KEYS, key });
    expect(opened?.equals(plain)).toBe(true);
  });
});

function seal(plain: Buffer): Buffer {
  const sealer = new StreamSealer(KEYS.key, KEYS.associated);
  return Buffer.concat([sealer.header, ...sealer.seal(plain), ...sealer.end()]);
}

/** Undefined: we refuse it. */
function open(sealed: Buffer, { key, associated }: TinkKeys = KEYS): Buffer | undefined {
  try {
    const streamBytes = sealed.length;
    const header = sealed.subarray(0, STREAM_HEADER_BYTES);
    const source = { header, dataKey: key, associated, name: 'a test', streamBytes };
    const opener = new StreamOpener(source);
    const plain = Array.from({ length: opener.shape.segments }, (_, segment) =>
      opener.open(segment, sealed.subarray(...segmentRange(segment, streamBytes))),
    );
    return Buffer.concat(plain);
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}

function flipped(sealed: Buffer, at: number): Buffer {
  const changed = Buffer.from(sealed);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

function joined(sealed: Buffer, segments: readonly number[]): Buffer {
  return Buffer.concat(
    segments.map((segment) =>
      sealed.subarray(segment * SEGMENT_BYTES, (segment + 1) * SEGMENT_BYTES),
    ),
  );
}

function wrappedOf(head: unknown): { readonly keyId: string; readonly wrapped: string } {
  if (typeof head !== 'object' || head === null || !('keyId' in head) || !('wrapped' in head))
    throw new TypeError('That is no header');
  return { keyId: String(head.keyId), wrapped: String(head.wrapped) };
}
