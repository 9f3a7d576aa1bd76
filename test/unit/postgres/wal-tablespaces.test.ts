import { describe, expect, test } from 'vitest';

import { moveTablespacesInside } from '../../../src/postgres/wal-tablespaces.ts';

const SEGMENT_BYTES = 4 * 8192;
const BEGIN = 0x1_0000_0000n;
const PATH = '/srv/far';

/** CRC-32C, bit by bit: written apart from the code under test. */
function checksum(bytes: Buffer): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82_f6_3b_78;
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}

function record(path: string, at: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([0xff, 4 + path.length + 1]),
    Buffer.from(Uint32Array.of(16_384).buffer),
    Buffer.from(`${path}\0`),
  ]);
  const header = Buffer.alloc(24);
  header.writeUInt32LE(24 + body.length, 0);
  header.writeUInt32LE(740, 4);
  header.writeBigUInt64LE(BEGIN + BigInt(at) - 100n, 8);
  header[17] = 5;
  header.writeUInt32LE(checksum(Buffer.concat([body, header.subarray(0, 20)])), 20);
  return Buffer.concat([header, body]);
}

/** The record at a place, continued behind the header of the next page. */
function segment(at: number, bytes = record(PATH, at)): Buffer {
  const pages = Buffer.alloc(SEGMENT_BYTES, 0xaa);
  let place = at;
  for (const byte of bytes) {
    if (place % 8192 === 0) place += 24;
    if (place < pages.length) pages[place] = byte;
    place++;
  }
  return pages;
}

describe('moveTablespacesInside()', () => {
  test.each([
    ['in the middle of a page', 4096],
    ['with its path on the next page', 8192 - 32],
    ['with its header split after 16 bytes', 8192 - 16],
    ['with its header split after 8 bytes', 8192 - 8],
    ['with its header split over the page before', 2 * 8192 - 24],
  ])('takes the path away %s, and leaves a record whose checksum holds', (_where, at) => {
    const bytes = segment(at);

    expect(moveTablespacesInside(bytes, BEGIN)).toEqual({
      moved: [{ oid: 16_384, path: PATH }],
      cut: false,
    });

    const expected = record(`\0${PATH.slice(1)}`, at);
    expect(bytes).toEqual(segment(at, expected));
    expect(moveTablespacesInside(bytes, BEGIN)).toEqual({ moved: [], cut: false });
  });

  test('leaves everything whose checksum does not hold as it is', () => {
    const bytes = segment(4096);
    bytes[4096 + 32] = 0x41;
    const before = Buffer.from(bytes);

    expect(moveTablespacesInside(bytes, BEGIN)).toEqual({ moved: [], cut: false });
    expect(bytes).toEqual(before);
  });

  test.each([
    ['the end cuts off its path', SEGMENT_BYTES - 32],
    ['the end stands behind its header', SEGMENT_BYTES - 24],
  ])('says that it could not be changed where %s', (_where, at) => {
    expect(moveTablespacesInside(segment(at), BEGIN)).toEqual({ moved: [], cut: true });
  });

  test('says so too where the header began in the segment before', () => {
    const bytes = Buffer.alloc(SEGMENT_BYTES, 0xaa);
    record(PATH, 0).copy(bytes, 40, 16);

    expect(moveTablespacesInside(bytes, BEGIN)).toEqual({ moved: [], cut: true });
  });

  test('finds nothing in other bytes', () => {
    const zeros = Buffer.alloc(SEGMENT_BYTES);
    const likely = Buffer.from(
      Array.from({ length: SEGMENT_BYTES }, (_each, at) => ((at % 4) * 5) % 15),
    );

    expect(moveTablespacesInside(zeros, BEGIN)).toEqual({ moved: [], cut: false });
    expect(moveTablespacesInside(likely, BEGIN)).toEqual({ moved: [], cut: false });
  });
});
