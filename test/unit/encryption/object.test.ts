import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { SEGMENT_BYTES } from '../../../src/encryption/format.ts';
import { type EncryptedObject, encryptObject, openObject } from '../../../src/encryption/object.ts';
import { isProblem } from '../../../src/kernel/problem.ts';
import { byteSource, pieces } from '../../support/byte-source.ts';

const RING = keyRing(new Map([['k1', Buffer.alloc(32, 1)]]));
const IDENTITY = { systemId: '7341', name: 'shop/15-7341/base/x/pack-0001' };
const { signal } = new AbortController();

async function encrypt(plain: Buffer, ring = RING): Promise<Buffer> {
  const parts = encryptObject(pieces(plain, 300_000), { ring, identity: IDENTITY });
  return Buffer.concat(await Array.fromAsync(parts));
}

async function open(bytes: Buffer, changes: object = {}): Promise<EncryptedObject> {
  return await openObject({
    store: byteSource(bytes),
    key: IDENTITY.name,
    ring: RING,
    identity: IDENTITY,
    signal,
    ...changes,
  });
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'no problem';
  } catch (error) {
    return isProblem(error) ? error.kind.code : String(error);
  }
}

async function readCode(bytes: Buffer, changes: object = {}): Promise<string> {
  return await codeOf(async () => {
    const object = await open(bytes, changes);
    await object.readAll({ maxBytes: 10_000_000 });
  });
}

describe('openObject()', () => {
  test('gives back any range of what was encrypted', async () => {
    const plain = randomBytes(2 * SEGMENT_BYTES + 12_345);
    const object = await open(await encrypt(plain));
    expect(object.plainBytes).toBe(plain.length);

    await fc.assert(
      fc.asyncProperty(fc.nat(plain.length + 10), fc.nat(1_500_000), async (start, length) => {
        const range = await object.readRange(start, length);
        expect(range.equals(plain.subarray(start, start + length))).toBe(true);
      }),
      { numRuns: 40 },
    );
    expect((await object.readAll({ maxBytes: plain.length })).equals(plain)).toBe(true);
  });

  test('reads only the segments that hold the range', async () => {
    const store = byteSource(await encrypt(Buffer.alloc(6 * SEGMENT_BYTES)));
    const object = await open(Buffer.alloc(0), { store });

    await object.readRange(3 * SEGMENT_BYTES, 1000);

    expect(store.readBytes).toBeLessThan(SEGMENT_BYTES + 100_000);
  });

  test('reads an object that begins inside a stored one', async () => {
    const stored = Buffer.concat([Buffer.alloc(777), await encrypt(Buffer.from('inner'))]);

    const object = await open(stored, { startByte: 777 });

    expect((await object.readAll({ maxBytes: 5 })).toString()).toBe('inner');
  });

  test('refuses any flipped bit, wherever it is', async () => {
    const bytes = await encrypt(Buffer.from('Nothing is lost'));
    const codes = new Set<string>();

    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      codes.add(await readCode(flipped));
    }

    expect([...codes].toSorted()).toEqual(['DECRYPTION_FAILED', 'KEY_NOT_FOUND', 'OBJECT_DAMAGED']);
  });

  test('refuses an object that was cut anywhere, or added to', async () => {
    const bytes = await encrypt(Buffer.from('Nothing is lost'));

    for (let length = 0; length < bytes.length; length++)
      expect(await readCode(bytes.subarray(0, length))).toMatch(/DECRYPTION_FAILED|OBJECT_DAMAGED/);
    expect(await readCode(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe('DECRYPTION_FAILED');
  });

  test('refuses an object under another name, or of another cluster', async () => {
    const bytes = await encrypt(Buffer.from('abc'));

    expect(await readCode(bytes, { identity: { ...IDENTITY, name: 'shop/y' } })).toBe(
      'DECRYPTION_FAILED',
    );
    expect(await readCode(bytes, { identity: { ...IDENTITY, systemId: '1' } })).toBe(
      'DECRYPTION_FAILED',
    );
  });

  test('tells an unknown key from a wrong one', async () => {
    const bytes = await encrypt(Buffer.from('abc'));

    const unknown = keyRing(new Map([['k2', Buffer.alloc(32, 1)]]));
    const wrong = keyRing(new Map([['k1', Buffer.alloc(32, 9)]]));

    expect(await readCode(bytes, { ring: unknown })).toBe('KEY_NOT_FOUND');
    expect(await readCode(bytes, { ring: wrong })).toBe('DECRYPTION_FAILED');
  });

  test('does not read more than it was allowed to', async () => {
    const object = await open(await encrypt(Buffer.alloc(1000)));

    expect(await codeOf(() => object.readAll({ maxBytes: 999 }))).toBe('OBJECT_TOO_LARGE');
  });
});

describe('keyRing()', () => {
  test('reads what an older generation wrapped, and names content as before', async () => {
    const older = Buffer.alloc(32, 1);
    const rotated = keyRing(
      new Map([
        ['k1', older],
        ['k2', Buffer.alloc(32, 2)],
      ]),
    );
    const content = Buffer.from('segment');

    const object = await open(await encrypt(Buffer.from('abc')), { ring: rotated });

    expect((await object.readAll({ maxBytes: 3 })).toString()).toBe('abc');
    expect(rotated.currentKeyId).toBe('k2');
    expect(rotated.contentName(content)).toBe(RING.contentName(content));
    expect(RING.contentName(content)).toMatch(/^[0-9a-f]{32}$/);
    expect(RING.contentName(Buffer.from('other'))).not.toBe(RING.contentName(content));
  });
});
