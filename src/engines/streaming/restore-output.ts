/**
 * Where a restoring thread writes. What must be durable anyway goes past the page cache, straight to the
 * disk: a gigabyte less is copied and given memory by the kernel, nothing is left to flush at the end, and
 * the machine keeps its cache. Where the file system or the platform cannot do that, and for the odd ends
 * of files, it is written as usual.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';

import type { Extent } from './pack-format.ts';

/** Files kept open; one pack mostly holds runs of few files. */
const OPEN_FILES_MAX = 64;
/** What offset, length and memory of a direct write must be multiples of: no disk asks for more. */
const ALIGNED_BYTES = 4096;
/** Less than that is not worth a wait for the disk. */
const DIRECT_BYTES_MIN = 64 * 1024;
/** Pages of WebAssembly: 64 KiB each. */
const BOUNCE_PAGES = 16;

/** One for each thread, and for good: V8 sets gigabytes of addresses aside for each. */
let bounce: Buffer | undefined;

export class RestoreOutput {
  readonly #usual = new Map<number, number>();
  readonly #direct = new Map<number, number>();
  #canDirect: boolean;

  /** `direct`: past the page cache where that is possible. */
  constructor({ direct }: { readonly direct: boolean }) {
    // Undefined on a Mac.
    this.#canDirect = direct && Number.isInteger(constants.O_DIRECT);
  }

  /** Writes `plain[at, at + length of the extent)` into an existing file. */
  write(path: string, extent: Extent, plain: Buffer, at: number): void {
    const [, offsetBytes, lengthBytes] = extent;
    const isAligned = offsetBytes % ALIGNED_BYTES === 0 && lengthBytes % ALIGNED_BYTES === 0;
    if (this.#canDirect && isAligned && lengthBytes >= DIRECT_BYTES_MIN)
      this.#writeDirect(path, extent, plain, at);
    else this.#writeUsual(path, extent, plain, at);
  }

  close(): void {
    for (const files of [this.#usual, this.#direct]) {
      for (const descriptor of files.values()) closeSync(descriptor);
      files.clear();
    }
  }

  #writeUsual(path: string, [file, offsetBytes, lengthBytes]: Extent, plain: Buffer, at: number) {
    const descriptor = this.#open(this.#usual, file, { path, flags: 0 });
    for (let done = 0; done < lengthBytes; )
      done += writeSync(descriptor, plain, at + done, lengthBytes - done, offsetBytes + done);
  }

  #writeDirect(path: string, extent: Extent, plain: Buffer, at: number): void {
    const [file, offsetBytes, lengthBytes] = extent;
    try {
      bounce ??= alignedMemory();
      const descriptor = this.#open(this.#direct, file, { path, flags: constants.O_DIRECT });
      for (let done = 0; done < lengthBytes; ) {
        const length = Math.min(lengthBytes - done, bounce.length);
        plain.copy(bounce, 0, at + done, at + done + length);
        done += writeSync(descriptor, bounce, 0, length, offsetBytes + done);
      }
    } catch (error) {
      if (!isRefused(error)) throw error;
      // The same bytes again: what was written of them already is no harm.
      this.#canDirect = false;
      this.#writeUsual(path, extent, plain, at);
    }
  }

  #open(
    files: Map<number, number>,
    file: number,
    { path, flags }: { readonly path: string; readonly flags: number },
  ): number {
    const known = files.get(file);
    if (known !== undefined) return known;
    if (files.size >= OPEN_FILES_MAX) this.close();
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | flags);
    files.set(file, descriptor);
    return descriptor;
  }
}

/**
 * Node tells nobody where a buffer lies; the memory of WebAssembly begins at a page of the operating
 * system, for V8 takes it from there page by page. Were it otherwise, the kernel would refuse the first write.
 */
function alignedMemory(): Buffer {
  return Buffer.from(
    new WebAssembly.Memory({ initial: BOUNCE_PAGES, maximum: BOUNCE_PAGES }).buffer,
  );
}

/**
 * The file system, or its disk, does not do that. Source: open(2), O_DIRECT. A `RangeError`: there are no
 * addresses left for the memory (`ulimit -v`).
 */
function isRefused(error: unknown): boolean {
  if (error instanceof RangeError) return true;
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP';
}
