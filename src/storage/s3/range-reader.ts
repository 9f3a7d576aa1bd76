/**
 * Reads an object or a range of it, over as many connections as it takes: where one breaks, the next goes
 * on at the byte that is missing, and only if the object is still the same one. An object that is read
 * whole is held against the checksum that the bucket keeps; of small ones before the first byte is given.
 */
import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';

import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';

import { Problem } from '../../kernel/problem.ts';
import { missingProblem } from '../file-problems.ts';
import type { ObjectKey } from '../object-store.ts';
import { OBJECT_DAMAGED } from '../problems.ts';
import { crc32Text } from './body-parts.ts';
import type { Bucket, Call } from './bucket.ts';
import { CallFailed, canTryAgain, type Doing, hasStatus, readFailure } from './failures.ts';
import { sizeOf } from './heads.ts';

export interface Range {
  readonly startByte: number;
  /** Undefined: to the end. */
  readonly lengthBytes: number | undefined;
}

interface Options extends Range {
  readonly signal: AbortSignal;
}

/** What is read whole and is no larger is looked at before any of it is given. */
const SMALL_BYTES = 1024 * 1024;
const DAMAGED_TRIES = 3;
/** How often in a row a connection may break before it gave a byte. */
const BREAKS_MAX = 6;

/** The stream fails with problems only. @throws CallFailed; Problem STORAGE_OBJECT_DAMAGED */
export async function readRange(
  bucket: Bucket,
  key: ObjectKey,
  options: Options,
): Promise<Readable> {
  // A range of nothing cannot be asked for.
  if (options.lengthBytes !== undefined && options.lengthBytes <= 0) {
    if ((await sizeOf(bucket, key, options)) === undefined) throw missingProblem(key);
    return Readable.from([], { objectMode: false });
  }
  for (let attempt = 1; ; attempt++) {
    const begun = await begin(bucket, key, options);
    if (begun === undefined) return Readable.from([], { objectMode: false });
    const reader = new RangeReader(bucket, key, { ...options, begun });
    if (begun.crc32 === undefined || begun.endByte > SMALL_BYTES) return reader;
    try {
      return Readable.from([await buffer(reader)], { objectMode: false });
    } catch (error) {
      options.signal.throwIfAborted();
      const isDamage = error instanceof Problem && error.kind.code === OBJECT_DAMAGED.code;
      if (!isDamage || attempt >= DAMAGED_TRIES) throw error;
      await bucket.pause(attempt, options);
    }
  }
}

interface Begun {
  readonly body: Readable;
  readonly etag: string | undefined;
  /** One after the last byte that is to come. */
  readonly endByte: number;
  /** Of the whole object, when it is read whole. */
  readonly crc32: string | undefined;
}

/** Undefined: the range begins at the object's end or later. */
async function begin(bucket: Bucket, key: ObjectKey, options: Options): Promise<Begun | undefined> {
  try {
    return await bucket.call(
      doingOf(key),
      (call) => get(bucket, { ...options, key, etag: undefined }, call),
      options,
    );
  } catch (error) {
    if (hasStatus(error, 416)) return undefined;
    throw error;
  }
}

function doingOf(key: ObjectKey): Doing {
  return { action: 'read', key, permission: 's3:GetObject' };
}

interface Get extends Range {
  readonly key: ObjectKey;
  readonly etag: string | undefined;
}

async function get(bucket: Bucket, wanted: Get, { sdk, client, options }: Call): Promise<Begun> {
  const { key, startByte, etag } = wanted;
  const Range = rangeHeader(wanted);
  const command = new sdk.GetObjectCommand({
    Bucket: bucket.name,
    Key: bucket.s3Key(key),
    ...(Range === undefined ? {} : { Range }),
    ...(etag === undefined ? {} : { IfMatch: etag }),
  });
  const answer = await client.send(command, options);
  if (!(answer.Body instanceof Readable)) throw new TypeError('An answer of S3 has no body');
  const first = firstByteOf(answer.ContentRange);
  if (first !== startByte) {
    answer.Body.destroy();
    throw new Error(`The answer begins at byte ${first} instead of ${startByte}`);
  }
  return {
    body: answer.Body,
    etag: answer.ETag,
    endByte: endOf(answer.ContentRange) ?? startByte + (answer.ContentLength ?? 0),
    crc32: Range === undefined ? wholeCrc32(answer) : undefined,
  };
}

/** Undefined: the whole object. */
function rangeHeader({ startByte, lengthBytes }: Range): string | undefined {
  if (lengthBytes !== undefined) return `bytes=${startByte}-${startByte + lengthBytes - 1}`;
  return startByte === 0 ? undefined : `bytes=${startByte}-`;
}

/** A checksum of checksums of parts tells nothing about the whole. */
function wholeCrc32({
  ChecksumType,
  ChecksumCRC32,
}: Pick<GetObjectCommandOutput, 'ChecksumType' | 'ChecksumCRC32'>): string | undefined {
  if (ChecksumType === 'COMPOSITE' || ChecksumCRC32?.includes('-') === true) return undefined;
  return ChecksumCRC32;
}

/** `bytes 5-9/100`; without it, the object is given whole. */
function firstByteOf(contentRange: string | undefined): number {
  return Number(/^bytes (?<first>\d+)-/.exec(contentRange ?? '')?.groups?.['first'] ?? 0);
}

function endOf(contentRange: string | undefined): number | undefined {
  const last = /^bytes \d+-(?<last>\d+)/.exec(contentRange ?? '')?.groups?.['last'];
  return last === undefined ? undefined : Number(last) + 1;
}

class RangeReader extends Readable {
  readonly #bucket: Bucket;
  readonly #key: ObjectKey;
  readonly #signal: AbortSignal;
  readonly #whole: Begun;
  #body: Readable;
  #chunks: AsyncIterator<unknown>;
  #at: number;
  #crc32 = 0;
  #breaks = 0;

  constructor(
    bucket: Bucket,
    key: ObjectKey,
    { begun, startByte, signal }: Options & { readonly begun: Begun },
  ) {
    super({ objectMode: false });
    this.#bucket = bucket;
    this.#key = key;
    this.#signal = signal;
    this.#whole = begun;
    this.#at = startByte;
    [this.#body, this.#chunks] = this.#take(begun);
    addAbortSignal(signal, this);
  }

  override _read(): void {
    void this.#give();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#body.destroy();
    done(error);
  }

  async #give(): Promise<void> {
    try {
      this.push(await this.#nextChunk());
    } catch (error) {
      const told = error instanceof CallFailed ? this.#bucket.problem(error) : error;
      this.destroy(told instanceof Error ? told : new Error(String(told)));
    }
  }

  /** Null: everything has been given. */
  async #nextChunk(): Promise<Buffer | null> {
    while (this.#at < this.#whole.endByte) {
      const chunk = await this.#tryNext();
      if (chunk === undefined) continue;
      this.#breaks = 0;
      this.#at += chunk.length;
      this.#crc32 = crc32(chunk, this.#crc32);
      return chunk;
    }
    this.#body.destroy();
    const { crc32: wanted, endByte } = this.#whole;
    if (wanted !== undefined && crc32Text(this.#crc32) !== wanted)
      throw this.#damaged(`the checksum of its ${endByte} bytes is not the one that was stored`);
    return null;
  }

  /** Undefined: the connection broke, and another one stands. */
  async #tryNext(): Promise<Buffer | undefined> {
    try {
      const next = await this.#chunks.next();
      const chunk: unknown = next.done === true ? undefined : next.value;
      if (Buffer.isBuffer(chunk)) return this.#fitting(chunk);
      throw Object.assign(new Error('The answer ended early'), { code: 'ECONNRESET' });
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#body.destroy();
      this.#breaks++;
      if (!canTryAgain(readFailure(error)) || this.#breaks > BREAKS_MAX)
        throw new CallFailed(doingOf(this.#key), error, false);
      await this.#resume();
      return undefined;
    }
  }

  #fitting(chunk: Buffer): Buffer {
    if (this.#at + chunk.length <= this.#whole.endByte) return chunk;
    throw new Error('The answer is longer than it said');
  }

  async #resume(): Promise<void> {
    const signal = this.#signal;
    if (this.#breaks > 1) await this.#bucket.pause(this.#breaks - 1, { signal });
    const wanted: Get = {
      key: this.#key,
      etag: this.#whole.etag,
      startByte: this.#at,
      lengthBytes: this.#whole.endByte - this.#at,
    };
    try {
      const again = await this.#bucket.call(
        doingOf(this.#key),
        (call) => get(this.#bucket, wanted, call),
        { signal },
      );
      if (this.destroyed) again.body.destroy();
      [this.#body, this.#chunks] = this.#take(again);
    } catch (error) {
      if (hasStatus(error, 412)) throw this.#damaged('it has become another one while it was read');
      throw error;
    }
  }

  #take({ body }: Begun): [Readable, AsyncIterator<unknown>] {
    // A body that breaks while nobody waits for it must not end the process; the next read hears of it.
    body.on('error', ignore);
    const chunks: AsyncIterable<unknown> = body;
    return [body, chunks[Symbol.asyncIterator]()];
  }

  #damaged(why: string): Problem {
    const store = this.#bucket.description;
    return new Problem(
      OBJECT_DAMAGED,
      `Cannot read "${this.#key}" in the store "${store}": ${why}`,
      {
        facts: { store, key: this.#key },
      },
    );
  }
}

function ignore(): void {
  // See where it is registered.
}
