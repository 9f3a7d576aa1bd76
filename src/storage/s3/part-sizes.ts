/**
 * How large the parts of an object are whose size nobody knows yet. S3 takes 10,000 parts: equal ones of
 * 8 MiB would end at 78 GiB. So the size doubles after every thousand parts. Pure.
 */

// Amazon S3 user guide, multipart upload limits: 10,000 parts, 5 MiB to 5 GiB each.
export const PARTS_MAX = 10_000;
const PARTS_OF_ONE_SIZE = 1000;

/** Size of part number `number` (from 1): with 8 MiB first, 10,000 parts hold 7.8 TiB. */
export function partBytesOf(number: number, firstBytes: number): number {
  return firstBytes * 2 ** Math.floor((number - 1) / PARTS_OF_ONE_SIZE);
}
