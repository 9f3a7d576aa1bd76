/**
 * Tink's streaming AEAD AES256_GCM_HKDF_1MB with Node's own crypto: the bytes that `format.ts` draws.
 * Segments are sealed in order and can be opened in any order. Says whether the last segment is the
 * last one in its nonce, so cutting or appending is noticed. Synchronous: worker threads use it.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

import { Problem } from '../kernel/problem.ts';
import { SEGMENT_BYTES } from './format.ts';
import { DECRYPTION_FAILED } from './problems.ts';

export const DATA_KEY_BYTES = 32;
/** Length byte, salt, nonce prefix. */
export const STREAM_HEADER_BYTES = 40;
const SALT_BYTES = 32;
const NONCE_PREFIX_BYTES = STREAM_HEADER_BYTES - 1 - SALT_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The segment number has four bytes in the nonce. */
const SEGMENTS_MAX = 2 ** 32;
/** Plain bytes of the first segment, and of every other one. */
const FIRST_PLAIN_BYTES = SEGMENT_BYTES - STREAM_HEADER_BYTES - TAG_BYTES;
const PLAIN_BYTES = SEGMENT_BYTES - TAG_BYTES;

/** Seals plain bytes that come in pieces of any size into segments. Never use one twice. */
export class StreamSealer {
  /** To be written before the first segment. */
  readonly header: Buffer;
  readonly #key: Buffer;
  readonly #noncePrefix: Buffer;
  readonly #held = Buffer.allocUnsafeSlow(PLAIN_BYTES);
  #heldBytes = 0;
  #index = 0;

  constructor(dataKey: Buffer, associated: Buffer) {
    const salt = randomBytes(SALT_BYTES);
    this.#noncePrefix = randomBytes(NONCE_PREFIX_BYTES);
    this.header = Buffer.concat([Buffer.of(STREAM_HEADER_BYTES), salt, this.#noncePrefix]);
    this.#key = derive(dataKey, salt, associated);
  }

  /** Takes all of `plain`; answers the parts of ciphertext that are complete. */
  seal(plain: Buffer): Buffer[] {
    const sealed: Buffer[] = [];
    for (let at = 0; at < plain.length; ) {
      // A full segment waits until it is known not to be the last.
      if (this.#heldBytes === this.#wantedBytes) sealed.push(...this.#cut(false));
      const taken = Math.min(this.#wantedBytes - this.#heldBytes, plain.length - at);
      plain.copy(this.#held, this.#heldBytes, at, at + taken);
      this.#heldBytes += taken;
      at += taken;
    }
    return sealed;
  }

  /** The last segment, even if it is empty. */
  end(): Buffer[] {
    return this.#cut(true);
  }

  get #wantedBytes(): number {
    return this.#index === 0 ? FIRST_PLAIN_BYTES : PLAIN_BYTES;
  }

  #cut(last: boolean): Buffer[] {
    if (this.#index >= SEGMENTS_MAX) throw new RangeError('Too many segments in one stream');
    const nonce = nonceOf(this.#noncePrefix, this.#index, last);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES });
    const sealed = cipher.update(this.#held.subarray(0, this.#heldBytes));
    cipher.final();
    this.#index++;
    this.#heldBytes = 0;
    return [sealed, cipher.getAuthTag()];
  }
}

export interface StreamShape {
  readonly segments: number;
  readonly plainBytes: number;
}

/** What a stream of so many bytes (its header included) holds; undefined: no stream is so long. Pure. */
export function streamShape(streamBytes: number): StreamShape | undefined {
  const segments = Math.max(1, Math.ceil(streamBytes / SEGMENT_BYTES));
  const plainBytes = streamBytes - STREAM_HEADER_BYTES - segments * TAG_BYTES;
  const lastBytes = streamBytes - (segments - 1) * SEGMENT_BYTES;
  const least = segments === 1 ? STREAM_HEADER_BYTES + TAG_BYTES : TAG_BYTES + 1;
  return lastBytes < least || segments > SEGMENTS_MAX ? undefined : { segments, plainBytes };
}

/** Number of the segment that holds the plain byte. Pure. */
export function segmentOfPlain(plainByte: number): number {
  return plainByte < FIRST_PLAIN_BYTES
    ? 0
    : 1 + Math.floor((plainByte - FIRST_PLAIN_BYTES) / PLAIN_BYTES);
}

/** First plain byte of a segment. Pure. */
export function plainBegin(segment: number): number {
  return segment === 0 ? 0 : FIRST_PLAIN_BYTES + (segment - 1) * PLAIN_BYTES;
}

/** Where a segment's ciphertext stands in the stream: `[start, end)`. Pure. */
export function segmentRange(
  segment: number,
  streamBytes: number,
): readonly [start: number, end: number] {
  const start = segment === 0 ? STREAM_HEADER_BYTES : segment * SEGMENT_BYTES;
  return [start, Math.min((segment + 1) * SEGMENT_BYTES, streamBytes)];
}

export interface StreamSource {
  /** The stream's first 40 bytes. */
  readonly header: Buffer;
  readonly dataKey: Buffer;
  readonly associated: Buffer;
  /** For messages: what is being read. */
  readonly name: string;
  readonly streamBytes: number;
}

/** Opens segments in any order. @throws Problem DECRYPTION_FAILED when it is not what was sealed. */
export class StreamOpener {
  readonly shape: StreamShape;
  readonly #name: string;
  readonly #key: Buffer;
  readonly #noncePrefix: Buffer;

  constructor({ header, dataKey, associated, name, streamBytes }: StreamSource) {
    const shape = streamShape(streamBytes);
    if (header[0] !== STREAM_HEADER_BYTES || header.length !== STREAM_HEADER_BYTES || !shape)
      throw failed(name, 'it is not an AES256_GCM_HKDF_1MB stream, or it was cut');
    this.#name = name;
    this.shape = shape;
    this.#key = derive(dataKey, header.subarray(1, 1 + SALT_BYTES), associated);
    this.#noncePrefix = Buffer.from(header.subarray(1 + SALT_BYTES));
  }

  /** `sealed`: the whole segment with its tag. */
  open(segment: number, sealed: Buffer): Buffer {
    if (sealed.length < TAG_BYTES) throw failed(this.#name, `segment ${segment} was cut`);
    const last = segment === this.shape.segments - 1;
    const nonce = nonceOf(this.#noncePrefix, segment, last);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    try {
      const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
      decipher.final();
      return plain;
    } catch (error) {
      throw failed(this.#name, `segment ${segment} is not what was written`, error);
    }
  }
}

function failed(name: string, why: string, cause?: unknown): Problem {
  return new Problem(DECRYPTION_FAILED, `Cannot decrypt "${name}": ${why}`, {
    facts: { object: name },
    cause,
  });
}

function derive(dataKey: Buffer, salt: Buffer, associated: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', dataKey, salt, associated, DATA_KEY_BYTES));
}

function nonceOf(prefix: Buffer, segment: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  prefix.copy(nonce);
  nonce.writeUInt32BE(segment, NONCE_PREFIX_BYTES);
  nonce[NONCE_BYTES - 1] = last ? 1 : 0;
  return nonce;
}
