import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  compressFrame,
  decompressFrame,
  type Frame,
  packEnd,
  readFooter,
  readTrailer,
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

  test('gives frames back as they were, at the length that was said and no other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (bytes) => {
        const plain = Buffer.from(bytes);
        const stored = compressFrame(plain);
        expect(decompressFrame(stored, plain.length, 'pack').equals(plain)).toBe(true);
        expect(() => decompressFrame(stored, plain.length + 1, 'pack')).toThrow(/another length/);
      }),
    );
  });

  test('does not let a frame grow beyond what was said', () => {
    const bomb = compressFrame(Buffer.alloc(50 << 20));

    expect(() => decompressFrame(bomb, 1000, 'pack')).toThrow('a frame does not decompress');
  });
});
