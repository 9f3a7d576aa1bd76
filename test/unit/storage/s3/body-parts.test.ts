import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { bodyParts, crc32Text } from '../../../../src/storage/s3/body-parts.ts';
import { PartBuffers } from '../../../../src/storage/s3/part-buffers.ts';
import { pieces } from '../../../support/byte-source.ts';

const PART_BYTES = 300_000;
const { signal } = new AbortController();

test('parts together are the body, whatever pieces it comes in, and carry its checksums', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1_300_000), fc.integer({ min: 1000, max: 700_000 }), check),
    { numRuns: 25 },
  );
  for (const size of [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
    await check(size, 65_536);
});

async function check(size: number, pieceBytes: number): Promise<void> {
  const bytes = randomBytes(size);
  const pool = new PartBuffers({ limitBytes: 2 * PART_BYTES, usualBytes: PART_BYTES });
  const share = pool.share();
  const seen: Buffer[] = [];
  const lasts: boolean[] = [];
  let sum = 0;

  const body = Readable.from(pieces(bytes, pieceBytes), { objectMode: false });
  for await (const part of bodyParts(body, { share, partBytes: PART_BYTES, signal })) {
    expect(part.number).toBe(seen.length + 1);
    expect(part.crc32).toBe(crc32(part.bytes));
    expect(part.sha256.equals(createHash('sha256').update(part.bytes).digest())).toBe(true);
    seen.push(Buffer.from(part.bytes));
    lasts.push(part.isLast);
    sum = part.crc32SoFar;
    part.done();
  }

  expect(Buffer.concat(seen).equals(bytes)).toBe(true);
  expect(seen.slice(0, -1).every(({ length }) => length === PART_BYTES)).toBe(true);
  expect(lasts.indexOf(true)).toBe(lasts.length - 1);
  expect(sum).toBe(crc32(bytes));
  expect(pool.counts.heldBytes).toBe(0);
}

test('a small body takes no buffer of a part', async () => {
  const pool = new PartBuffers({ limitBytes: 100, usualBytes: 100 });
  const body = Readable.from([randomBytes(1000)]);

  const parts = bodyParts(body, { share: pool.share(), partBytes: PART_BYTES, signal });

  expect((await Array.fromAsync(parts)).length).toBe(1);
  expect(pool.counts.made).toBe(0);
});

test('a checksum is written as S3 writes it', () => {
  // The check value of CRC-32/ISO-HDLC is cbf43926.
  expect(crc32Text(crc32('123456789'))).toBe(Buffer.from('cbf43926', 'hex').toString('base64'));
  expect(crc32Text(0)).toBe('AAAAAA==');
});
