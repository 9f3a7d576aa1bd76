/**
 * Gives large buffers back at once. Otherwise megabytes wait until they are collected, and what is drawn
 * next comes fresh from the kernel, which fills it with zeros: 10 ms of CPU for each 16 MiB (measured).
 */

/** Buffers that are smaller may be slices of a pool that others use. */
const RELEASED_BYTES_MIN = 128 * 1024;

/** Nobody may use `bytes`, or what it is a part of, any more. */
export function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= RELEASED_BYTES_MIN) buffer.transfer(0);
}
