import { expect, test } from 'vitest';

import { PARTS_MAX, partBytesOf } from '../../../../src/storage/s3/part-sizes.ts';

const MIB = 1024 * 1024;

function sumOf(parts: number, firstBytes: number): number {
  let sum = 0;
  for (let number = 1; number <= parts; number++) sum += partBytesOf(number, firstBytes);
  return sum;
}

test('10,000 parts hold more than the largest object of S3 had for years, 5 TiB', () => {
  expect(sumOf(PARTS_MAX, 8 * MIB)).toBeGreaterThan(5 * 2 ** 40);
});

test('parts stay small for as long as objects are of a usual size', () => {
  const sizes = [1, 32, 1000, 1001, 2001].map((number) => partBytesOf(number, 8 * MIB) / MIB);

  expect(sizes).toEqual([8, 8, 8, 16, 32]);
});

test('no part is larger than S3 takes, 5 GiB, nor smaller, 5 MiB', () => {
  for (let number = 1; number <= PARTS_MAX; number++) {
    expect(partBytesOf(number, 8 * MIB)).toBeLessThanOrEqual(5 * 1024 * MIB);
    expect(partBytesOf(number, 5 * MIB)).toBeGreaterThanOrEqual(5 * MIB);
  }
});
