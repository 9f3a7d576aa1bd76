/**
 * Cuts a body into parts. Each part stands whole in memory, so that it can be sent again; its checksums
 * are taken as its bytes arrive, so that damage in memory does not become the object's truth.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';

import { collectBody } from '../body.ts';
import type { BufferShare } from './part-buffers.ts';
import { partBytesOf } from './part-sizes.ts';

export interface BodyPart {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  readonly crc32: number;
  readonly sha256: Buffer;
  /** Of everything up to its end. */
  readonly crc32SoFar: number;
  readonly isLast: boolean;
  /** Its memory may be used again. */
  done(): void;
}

interface Options {
  readonly share: BufferShare;
  readonly partBytes: number;
  readonly signal: AbortSignal;
}

/** Bodies that end before take no buffer of a part: most objects are small. */
const SMALL_BYTES = 256 * 1024;

// At least one part; an empty body is one empty part.
export async function* bodyParts(
  body: Readable,
  { share, partBytes, signal }: Options,
): AsyncGenerator<BodyPart, void, undefined> {
  const cutter = new Cutter(share, partBytes);
  for await (const chunk of collectBody(body, { signal })) {
    for (let rest = chunk; rest.length > 0; ) {
      // A full part waits for the next byte, which tells that it is not the last.
      if (cutter.isFull) yield cutter.cut(false);
      rest = await cutter.add(rest, signal);
    }
  }
  yield cutter.cut(true);
}

class Cutter {
  readonly #share: BufferShare;
  readonly #firstBytes: number;
  #number = 1;
  #buffer: Buffer | undefined;
  /** The begin of the body, until it is known not to be small. */
  #small: Buffer[] = [];
  #length = 0;
  #crc32 = 0;
  #crc32SoFar = 0;
  #sha256 = createHash('sha256');

  constructor(share: BufferShare, firstBytes: number) {
    this.#share = share;
    this.#firstBytes = firstBytes;
  }

  get isFull(): boolean {
    return this.#length === this.#wantedBytes;
  }

  get #wantedBytes(): number {
    return partBytesOf(this.#number, this.#firstBytes);
  }

  /** Answers what did not fit. */
  async add(chunk: Buffer, signal: AbortSignal): Promise<Buffer> {
    const taken = chunk.subarray(0, this.#wantedBytes - this.#length);
    this.#crc32 = crc32(taken, this.#crc32);
    this.#crc32SoFar = crc32(taken, this.#crc32SoFar);
    this.#sha256.update(taken);
    const isSmall =
      this.#buffer === undefined &&
      this.#number === 1 &&
      this.#length + taken.length <= SMALL_BYTES;
    if (isSmall) this.#small.push(taken);
    else taken.copy(await this.#filled(signal), this.#length);
    this.#length += taken.length;
    return chunk.subarray(taken.length);
  }

  cut(isLast: boolean): BodyPart {
    const buffer = this.#buffer;
    const bytes = buffer?.subarray(0, this.#length) ?? Buffer.concat(this.#small);
    const part: BodyPart = {
      number: this.#number,
      bytes,
      crc32: this.#crc32,
      sha256: this.#sha256.digest(),
      crc32SoFar: this.#crc32SoFar,
      isLast,
      done: () => {
        if (buffer !== undefined) this.#share.give(buffer);
      },
    };
    this.#number++;
    this.#buffer = undefined;
    this.#small = [];
    this.#length = 0;
    this.#crc32 = 0;
    this.#sha256 = createHash('sha256');
    return part;
  }

  async #filled(signal: AbortSignal): Promise<Buffer> {
    if (this.#buffer !== undefined) return this.#buffer;
    this.#buffer = await this.#share.take(this.#wantedBytes, { signal });
    let at = 0;
    for (const piece of this.#small) at += piece.copy(this.#buffer, at);
    this.#small = [];
    return this.#buffer;
  }
}

/** As S3 writes it. */
export function crc32Text(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}
