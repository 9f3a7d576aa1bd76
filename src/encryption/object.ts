/**
 * Encrypted objects: plain bytes in, the bytes of `format.ts` out, and back. Reading takes any range
 * and fetches only the segments that hold it. There is no way to write without a key.
 *
 * What a read answers is authenticated: a flipped bit, another object's bytes, or a moved object is a
 * DECRYPTION_FAILED, and so is an object that was cut or added to, as soon as its end is read.
 */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

import { release } from '../kernel/memory.ts';
import { Problem } from '../kernel/problem.ts';
import {
  associatedData,
  HEADER_JSON_BYTES_MAX,
  MAGIC,
  OBJECT_VERSION,
  type ObjectIdentity,
} from './format.ts';
import type { KeyRing, WrappedKey } from './key-ring.ts';
import { DECRYPTION_FAILED, OBJECT_DAMAGED, OBJECT_TOO_LARGE } from './problems.ts';
import {
  DATA_KEY_BYTES,
  plainBegin,
  STREAM_HEADER_BYTES,
  StreamOpener,
  StreamSealer,
  segmentOfPlain,
  segmentRange,
} from './tink-stream.ts';

const FIXED_BYTES = 8;
/** The first read; objects that are not larger are read at once. */
export const FIRST_READ_BYTES = 64 * 1024;

/** An object's plain header, and the key that was drawn for what follows it. */
export interface ObjectBeginning {
  readonly head: Buffer;
  /** Secret. */
  readonly dataKey: Buffer;
}

export function beginObject(ring: KeyRing, identity: ObjectIdentity): ObjectBeginning {
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const json = Buffer.from(headerJson(ring.wrap(dataKey, identity)));
  const fixed = Buffer.alloc(FIXED_BYTES);
  MAGIC.copy(fixed);
  fixed[4] = OBJECT_VERSION;
  fixed.writeUInt16BE(json.length, 6);
  return { head: Buffer.concat([fixed, json]), dataKey };
}

export interface EncryptOptions {
  readonly ring: KeyRing;
  readonly identity: ObjectIdentity;
}

export async function* encryptObject(
  plain: AsyncIterable<Buffer> | Iterable<Buffer>,
  { ring, identity }: EncryptOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { head, dataKey } = beginObject(ring, identity);
  const sealer = new StreamSealer(dataKey, associatedData(identity));
  yield head;
  yield sealer.header;
  for await (const chunk of plain) yield* sealer.seal(asBuffer(chunk));
  yield* sealer.end();
}

/** The part of an `ObjectStore` that reading needs. */
export interface ObjectSource<Key extends string> {
  stat(
    key: Key,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly sizeBytes: number } | undefined>;
  open(
    key: Key,
    options: {
      readonly signal: AbortSignal;
      readonly startByte?: number;
      readonly lengthBytes?: number;
    },
  ): Promise<Readable>;
}

export interface OpenObjectRequest<Key extends string> {
  readonly store: ObjectSource<Key>;
  readonly key: Key;
  readonly ring: KeyRing;
  readonly identity: ObjectIdentity;
  readonly signal: AbortSignal;
  /** Where the encrypted object begins in the stored one. Default 0. */
  readonly startByte?: number;
}

export interface EncryptedObject {
  readonly plainBytes: number;
  /** The generation its data key is wrapped with. */
  readonly keyId: string;
  /** For reading segments elsewhere, such as in a worker thread. Holds the data key. */
  readonly sealed: SealedStream;
  /** Past the end there are fewer bytes, or none. The caller bounds `lengthBytes`. */
  readRange(startByte: number, lengthBytes: number): Promise<Buffer>;
  /** All of it, a segment at a time. */
  stream(): AsyncGenerator<Buffer, void, undefined>;
  /** @throws Problem OBJECT_TOO_LARGE when there are more than `maxBytes`. */
  readAll(options: { readonly maxBytes: number }): Promise<Buffer>;
}

export interface SealedStream {
  readonly header: Buffer;
  /** Secret. */
  readonly dataKey: Buffer;
  readonly streamBytes: number;
  /** Sealed segments in order, tags included, from `segment` on, up to `end` if it is given. */
  segments(segment: number, end?: number): AsyncGenerator<Buffer, void, undefined>;
}

/**
 * @throws Problem STORAGE_OBJECT_MISSING when there is none; OBJECT_DAMAGED when it is not an object
 * of this kind; KEY_NOT_FOUND when its key is not on the ring; DECRYPTION_FAILED.
 */
export async function openObject<Key extends string>(
  request: OpenObjectRequest<Key>,
): Promise<EncryptedObject> {
  const { store, key, ring, identity, signal, startByte = 0 } = request;
  const info = await store.stat(key, { signal });
  const wanted = Math.min(FIRST_READ_BYTES, Math.max(0, (info?.sizeBytes ?? 0) - startByte));
  const reader = new RangeReader(request, startByte);
  // A missing object is told by open(), in the store's own words.
  const first = await reader.read(0, info === undefined ? 1 : wanted);
  const { wrapped, headBytes } = readHead(first, key);
  // A key that is not known may have been made since the ring was read.
  if (!ring.keyIds.includes(wrapped.keyId)) await ring.refresh?.({ signal });
  const dataKey = ring.unwrap(wrapped, identity);
  const header = Buffer.from(first.subarray(headBytes, headBytes + STREAM_HEADER_BYTES));
  const objectBytes = (info?.sizeBytes ?? 0) - startByte;
  const streamBytes = objectBytes - headBytes;
  if (first.length === objectBytes) reader.keep(first);
  const opener = new StreamOpener({
    header,
    dataKey,
    associated: associatedData(identity),
    name: key,
    streamBytes,
  });
  return new OpenObject({
    reader,
    opener,
    header,
    dataKey,
    streamBytes,
    headBytes,
    keyId: wrapped.keyId,
  });
}

/**
 * The generation that an object is wrapped with, as its plain header says: needs no key, proves nothing.
 *
 * @throws Problem STORAGE_OBJECT_MISSING, OBJECT_DAMAGED
 */
export async function readKeyId<Key extends string>({
  store,
  key,
  signal,
  startByte = 0,
}: Omit<OpenObjectRequest<Key>, 'ring' | 'identity'>): Promise<string> {
  const lengthBytes = FIXED_BYTES + HEADER_JSON_BYTES_MAX;
  const body = await store.open(key, { signal, startByte, lengthBytes });
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<unknown>) chunks.push(asBuffer(chunk));
  return readHead(Buffer.concat(chunks), key).wrapped.keyId;
}

interface Opened {
  readonly reader: RangeReader<string>;
  readonly opener: StreamOpener;
  readonly header: Buffer;
  readonly dataKey: Buffer;
  readonly streamBytes: number;
  readonly headBytes: number;
  readonly keyId: string;
}

class OpenObject implements EncryptedObject {
  readonly plainBytes: number;
  readonly keyId: string;
  readonly #opened: Opened;

  constructor(opened: Opened) {
    this.#opened = opened;
    this.plainBytes = opened.opener.shape.plainBytes;
    this.keyId = opened.keyId;
  }

  get sealed(): SealedStream {
    const { header, dataKey, streamBytes } = this.#opened;
    const segments: SealedStream['segments'] = (segment, end) => this.#segments(segment, end);
    return { header, dataKey, streamBytes, segments };
  }

  async readRange(startByte: number, lengthBytes: number): Promise<Buffer> {
    const endByte = Math.min(startByte + lengthBytes, this.plainBytes);
    if (startByte >= endByte) return Buffer.alloc(0);
    const [from, to] = [segmentOfPlain(startByte), segmentOfPlain(endByte - 1)];
    const { reader, opener, streamBytes, headBytes } = this.#opened;
    const [begin] = segmentRange(from, streamBytes);
    const [, end] = segmentRange(to, streamBytes);
    const sealed = await reader.read(headBytes + begin, end - begin);
    const plain: Buffer[] = [];
    for (let segment = from; segment <= to; segment++) {
      const [start, stop] = segmentRange(segment, streamBytes);
      plain.push(opener.open(segment, sealed.subarray(start - begin, stop - begin)));
    }
    const skip = startByte - plainBegin(from);
    return Buffer.concat(plain).subarray(skip, skip + endByte - startByte);
  }

  async *stream(): AsyncGenerator<Buffer, void, undefined> {
    let index = 0;
    for await (const sealed of this.#segments(0)) {
      const plain = this.#opened.opener.open(index++, sealed);
      release(sealed);
      if (plain.length > 0) yield plain;
    }
  }

  async readAll({ maxBytes }: { readonly maxBytes: number }): Promise<Buffer> {
    if (this.plainBytes > maxBytes) {
      throw new Problem(
        OBJECT_TOO_LARGE,
        `Cannot read "${this.#opened.reader.key}": it holds ${this.plainBytes} bytes, and at most ${maxBytes} are expected`,
      );
    }
    const parts = await Array.fromAsync(this.stream());
    const whole = Buffer.concat(parts);
    for (const part of parts) release(part);
    return whole;
  }

  async *#segments(first: number, wanted?: number): AsyncGenerator<Buffer, void, undefined> {
    const { reader, opener, streamBytes, headBytes } = this.#opened;
    let [segment, held, heldBytes] = [first, [] as Buffer[], 0];
    const beyond = Math.min(wanted ?? opener.shape.segments, opener.shape.segments);
    const [begin] = segmentRange(first, streamBytes);
    const [, last] = segmentRange(beyond - 1, streamBytes);
    const lengthBytes = wanted === undefined ? undefined : last - begin;
    for await (const chunk of reader.stream(headBytes + begin, lengthBytes)) {
      let rest = chunk;
      while (segment < beyond && rest.length > 0) {
        const [start, end] = segmentRange(segment, streamBytes);
        const taken = Math.min(end - start - heldBytes, rest.length);
        held.push(rest.subarray(0, taken));
        heldBytes += taken;
        rest = rest.subarray(taken);
        if (heldBytes < end - start) continue;
        yield Buffer.concat(held);
        [segment, held, heldBytes] = [segment + 1, [], 0];
      }
    }
    if (segment < beyond) throw endedEarly(reader.key);
  }
}

/** Reads ranges of the stored object, counted from where the encrypted one begins. */
class RangeReader<Key extends string> {
  readonly key: Key;
  readonly #store: ObjectSource<Key>;
  readonly #signal: AbortSignal;
  readonly #startByte: number;
  #kept: Buffer | undefined;

  constructor({ store, key, signal }: OpenObjectRequest<Key>, startByte: number) {
    this.key = key;
    this.#store = store;
    this.#signal = signal;
    this.#startByte = startByte;
  }

  /** The whole object is known already: ask the store no more. */
  keep(bytes: Buffer): void {
    this.#kept = bytes;
  }

  async read(startByte: number, lengthBytes: number): Promise<Buffer> {
    if (this.#kept !== undefined) return this.#kept.subarray(startByte, startByte + lengthBytes);
    const chunks = await Array.fromAsync(this.stream(startByte, lengthBytes));
    const bytes = Buffer.concat(chunks);
    if (bytes.length < lengthBytes) throw endedEarly(this.key);
    return bytes;
  }

  async *stream(startByte: number, lengthBytes?: number): AsyncGenerator<Buffer, void, undefined> {
    if (this.#kept !== undefined) {
      yield this.#kept.subarray(startByte);
      return;
    }
    const body = await this.#store.open(this.key, {
      signal: this.#signal,
      startByte: this.#startByte + startByte,
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
    });
    // Leaving the loop early destroys the stream.
    for await (const chunk of body as AsyncIterable<unknown>) yield asBuffer(chunk);
  }
}

function headerJson({ keyId, wrapped }: WrappedKey): string {
  return JSON.stringify({ keyId, wrapped });
}

interface Head {
  readonly wrapped: WrappedKey;
  readonly headBytes: number;
}

/** Takes exactly what `beginObject()` writes: nobody else writes headers, so anything else is damage. */
function readHead(bytes: Buffer, name: string): Head {
  if (bytes.length < FIXED_BYTES || !bytes.subarray(0, 4).equals(MAGIC))
    throw damaged(name, 'it does not begin like one');
  if (bytes[4] !== OBJECT_VERSION)
    throw damaged(name, `its version is ${bytes[4] ?? 0} and should be ${OBJECT_VERSION}`);
  const jsonBytes = bytes.readUInt16BE(6);
  const headBytes = FIXED_BYTES + jsonBytes;
  if (bytes[5] !== 0 || jsonBytes > HEADER_JSON_BYTES_MAX || bytes.length < headBytes)
    throw damaged(name, 'its header is damaged');
  const text = bytes.toString('utf8', FIXED_BYTES, headBytes);
  const wrapped = readWrapped(text);
  if (wrapped === undefined || headerJson(wrapped) !== text)
    throw damaged(name, 'its header is damaged');
  return { wrapped, headBytes };
}

function readWrapped(text: string): WrappedKey | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return undefined;
    if (!('keyId' in json) || !('wrapped' in json)) return undefined;
    const { keyId, wrapped } = json;
    return typeof keyId === 'string' && typeof wrapped === 'string'
      ? { keyId, wrapped }
      : undefined;
  } catch {
    return undefined;
  }
}

function damaged(name: string, why: string): Problem {
  return new Problem(OBJECT_DAMAGED, `Cannot read "${name}" as an encrypted object: ${why}`, {
    facts: { object: name },
  });
}

function endedEarly(name: string): Problem {
  return new Problem(DECRYPTION_FAILED, `Cannot decrypt "${name}": it ends too early`, {
    facts: { object: name },
  });
}

function asBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (chunk instanceof Uint8Array)
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('A stream of bytes gave something else');
}
