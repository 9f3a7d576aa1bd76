import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readFooter, readTrailer } from '../../../../src/engines/streaming/pack-footer.ts';
import {
  type Compression,
  compressFrame,
  decompressFrame,
  type Frame,
  packEnd,
  TRAILER_BYTES,
} from '../../../../src/engines/streaming/pack-format.ts';

const FRAMES: Frame[] = [
  [700, 1 << 20, [[0, 0, 1 << 20]]],
  [
    300,
    5000,
    [
      [0, 1 << 20, 1000],
      [7, 0, 4000],
    ],
  ],
];

function split(end: Buffer): { footer: Buffer; frames: number } {
  const trailer = readTrailer(end.subarray(end.length - TRAILER_BYTES), 'pack');
  expect(trailer.footerBytes).toBe(end.length - TRAILER_BYTES);
  return { footer: end.subarray(0, trailer.footerBytes), frames: trailer.frames };
}

describe('a pack', () => {
  test('ends with an index that says where every byte of every file is', () => {
    const { footer, frames } = split(packEnd(FRAMES));

    expect(frames).toBe(2);
    expect(readFooter(footer, 1000, 'pack')).toEqual(FRAMES);
  });

  test('with an index that does not fill it is refused', () => {
    const { footer } = split(packEnd(FRAMES));
    const short = split(packEnd([[700, 1 << 20, [[0, 0, 5]]]])).footer;

    expect(() => readFooter(footer, 1001, 'pack')).toThrow('does not agree with its length');
    expect(() => readFooter(short, 700, 'pack')).toThrow('does not agree with itself');
    expect(() => readFooter(randomBytes(50), 700, 'pack')).toThrow('cannot be read');
    expect(() => readTrailer(randomBytes(TRAILER_BYTES), 'pack')).toThrow(
      'does not end like a pack',
    );
  });

  test.each<Compression>([
    { method: 'zstd', level: 1 },
    { method: 'zstd', level: 3 },
    { method: 'none', level: 1 },
  ])('gives frames back as they were by %o, at the length that was said and no other', (how) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (bytes) => {
        const plain = Buffer.from(bytes);
        const stored = compressFrame(plain, how);
        expect(stored.length).toBeLessThanOrEqual(plain.length);
        expect(decompressFrame(stored, plain.length, 'pack').equals(plain)).toBe(true);
        expect(() => decompressFrame(stored, plain.length + 1, 'pack')).toThrow(/a frame/);
      }),
    );
  });

  test('keeps a frame as it is when nothing becomes smaller, or nothing shall', () => {
    const random = randomBytes(1 << 20);
    const zeros = Buffer.alloc(1 << 20);

    expect(compressFrame(random)).toBe(random);
    expect(compressFrame(zeros, { method: 'none', level: 1 })).toBe(zeros);
    expect(compressFrame(zeros).length).toBeLessThan(200);
  });

  test('that is compressed is refused where another length was said', () => {
    const stored = compressFrame(Buffer.alloc(5000));

    expect(() => decompressFrame(stored, 5001, 'pack')).toThrow('a frame has another length');
    expect(() => decompressFrame(stored, 4000, 'pack')).toThrow('a frame has another length');
  });

  test('does not let a frame grow beyond what was said', () => {
    const bomb = compressFrame(Buffer.alloc(50 << 20));

    expect(() => decompressFrame(bomb, 1000, 'pack')).toThrow('a frame does not decompress');
  });
});
