import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { SEGMENT_BYTES } from '../../../src/encryption/format.ts';
import {
  plainBegin,
  STREAM_HEADER_BYTES,
  StreamOpener,
  StreamSealer,
  segmentOfPlain,
  segmentRange,
  streamShape,
} from '../../../src/encryption/tink-stream.ts';

/** Made with Python's tink 1.x, template AES256_GCM_HKDF_1MB. */
const VECTORS = [
  {
    text: '',
    associated: '64626472',
    key: '1fc971f881f95b1e739ded5ba87188b0c4cd532a7b87a2b14015f895515381d1',
    sealed:
      '288d68f6f09c53182cd1b17fa332d1c587f19715b02b14ce7a579ede108daea0614f6a4440b4ce24a0459f668fdcef91c9d5a620bceb2183',
  },
  {
    text: 'The quick brown fox',
    associated: '646264722f763100373334310073686f702f626173652f78',
    key: '3168ccdfa30cf5b3df4a916c1db7968a41b7d958b5ed6252072b0e52eee64231',
    sealed:
      '28241280c626e645bdba114db0333b599c5224bd8c4482ddea13b8a7544a36156d6af950b478ee82d53499b0d9b2207b0c85f54fc27748d892cbb603a4eb122435df539a165725697494f1',
  },
  {
    text: '0123456789abcdef'.repeat(4),
    associated: '',
    key: '1484607b3f3f9f679a4c4f0f5e3a4038ec3b11c35b34f9a26e15b60be96959f8',
    sealed:
      '28b50cf5aada0d5db4cf6d9c0fb0feb5ecdd9f6d0fca6e093f2a87e4640fb8acdd97f728fb8c7a3be49c2a9fb23b0855f62537e0cc3e9905754e58b5386aca7c865844ba45ac31a1b1e15e4d3f9da0d80bd63105a764909751db2e9e341284afc753e279c852f991c2298a1a32f482b82e1107148d2988ae',
  },
];

const KEY = Buffer.alloc(32, 7);
const ASSOCIATED = Buffer.from('shop/base/x');
const FIRST = SEGMENT_BYTES - 56;
const REST = SEGMENT_BYTES - 16;

function seal(plain: Buffer, pieceBytes = 400_000): Buffer {
  const sealer = new StreamSealer(KEY, ASSOCIATED);
  const parts = [sealer.header];
  for (let at = 0; at < plain.length; at += pieceBytes)
    parts.push(...sealer.seal(plain.subarray(at, at + pieceBytes)));
  return Buffer.concat([...parts, ...sealer.end()]);
}

function openAll(stream: Buffer, key = KEY, associated = ASSOCIATED): Buffer {
  const opener = new StreamOpener({
    header: stream.subarray(0, STREAM_HEADER_BYTES),
    dataKey: key,
    associated,
    name: 'x',
    streamBytes: stream.length,
  });
  const plain: Buffer[] = [];
  for (let segment = 0; segment < opener.shape.segments; segment++)
    plain.push(opener.open(segment, stream.subarray(...segmentRange(segment, stream.length))));
  return Buffer.concat(plain);
}

describe('StreamOpener', () => {
  test.each(VECTORS)('opens what Tink sealed: "$text"', ({ text, associated, key, sealed }) => {
    const plain = openAll(
      Buffer.from(sealed, 'hex'),
      Buffer.from(key, 'hex'),
      Buffer.from(associated, 'hex'),
    );

    expect(plain.toString()).toBe(text);
  });

  test.each([0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + REST, FIRST + REST + 1])(
    'opens %i bytes as they were sealed, and knows their number before',
    (plainBytes) => {
      const plain = randomBytes(plainBytes);

      const stream = seal(plain);

      expect(streamShape(stream.length)?.plainBytes).toBe(plainBytes);
      expect(openAll(stream).equals(plain)).toBe(true);
    },
  );

  test('refuses any flipped bit', () => {
    const stream = seal(Buffer.from('Sixteen tons, and what do you get'));

    fc.assert(
      fc.property(fc.nat(stream.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(stream);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => openAll(flipped)).toThrow(/Cannot decrypt "x"/);
      }),
    );
  });

  test('refuses a stream that was cut at a segment, between segments, or added to', () => {
    const stream = seal(randomBytes(2 * SEGMENT_BYTES));
    const [a, b] = [SEGMENT_BYTES, 2 * SEGMENT_BYTES];

    for (const wrong of [
      stream.subarray(0, 0),
      stream.subarray(0, 39),
      stream.subarray(0, 41),
      stream.subarray(0, a),
      stream.subarray(0, b),
      stream.subarray(0, b + 7),
      Buffer.concat([stream, Buffer.alloc(1)]),
      Buffer.concat([stream.subarray(0, a), stream.subarray(b), stream.subarray(a, b)]),
    ])
      expect(() => openAll(wrong)).toThrow(/Cannot decrypt "x"/);
  });

  test('refuses another key and another name', () => {
    const stream = seal(Buffer.from('abc'));

    expect(() => openAll(stream, Buffer.alloc(32, 8))).toThrow(/Cannot decrypt/);
    expect(() => openAll(stream, KEY, Buffer.from('shop/base/y'))).toThrow(/Cannot decrypt/);
  });
});

test('segmentOfPlain() and plainBegin() agree for every byte', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (plainByte) => {
      const segment = segmentOfPlain(plainByte);
      expect(plainBegin(segment)).toBeLessThanOrEqual(plainByte);
      expect(plainBegin(segment + 1)).toBeGreaterThan(plainByte);
    }),
  );
});
