/**
 * Writes an object that is not there yet. What fits into one part is put at once; more is uploaded in
 * parts, several on their way, and becomes an object with the last call. Nothing is overwritten: the
 * bucket is told to refuse, and then what it holds is compared with what was to be written. So an answer
 * that was lost is found out, too.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

import { Problem } from '../../kernel/problem.ts';
import type { ObjectKey, PutOptions, Written } from '../object-store.ts';
import { WRITE_REFUSED } from '../problems.ts';
import { type BodyPart, bodyParts, crc32Text } from './body-parts.ts';
import type { Bucket } from './bucket.ts';
import type { Condition, ConditionalWrites } from './conditional-writes.ts';
import { CallFailed, type Doing, hasCode } from './failures.ts';
import { sizeOf } from './heads.ts';
import { objectSettings } from './object-settings.ts';
import { PARTS_MAX } from './part-sizes.ts';
import { readRange } from './range-reader.ts';
import { beginUpload, type SentPart, type Upload } from './upload.ts';

/** Parts of one write that are on their way together. */
const IN_FLIGHT_MAX = 4;

/** What a part was, once its bytes are gone. */
type PartHash = Pick<BodyPart, 'sha256'> & { readonly sizeBytes: number };

interface Target {
  readonly bucket: Bucket;
  readonly conditional: ConditionalWrites;
  readonly key: ObjectKey;
}

interface Flow extends PutOptions {
  /** Ends everything that is on its way. */
  readonly stop: AbortController;
}

/** @throws CallFailed; Problem STORAGE_WRITE_REFUSED */
export async function putObject(
  target: Target,
  body: Readable,
  options: PutOptions,
): Promise<Written> {
  const { buffers, limits } = target.bucket;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const share = buffers.share();
  try {
    const parts = bodyParts(body, { share, partBytes: limits.partBytes, signal });
    const { value: first } = await parts.next();
    if (first === undefined) throw new TypeError('A body has at least one part');
    const flow = { ...options, signal, stop };
    if (first.isLast) return await putWhole(target, first, flow);
    return await putParts(target, joined(first, parts), flow);
  } finally {
    share.end();
    body.destroy();
  }
}

async function putWhole(target: Target, part: BodyPart, flow: Flow): Promise<Written> {
  return await settled(target, [hashOf(part)], flow, async () => {
    return await target.conditional.write({
      send: (condition) => sendWhole(target, part, { ...flow, condition }),
      isThere: async () => (await sizeOf(target.bucket, target.key, flow)) !== undefined,
      canProbe: true,
    });
  });
}

async function sendWhole(
  { bucket, key }: Target,
  { bytes, crc32, sha256 }: BodyPart,
  { signal, retainUntil, condition }: PutOptions & { readonly condition: Condition },
): Promise<void> {
  const doing: Doing = {
    action: 'write',
    key,
    permission: retainUntil === undefined ? 's3:PutObject' : 's3:PutObject, s3:PutObjectRetention',
    isWrite: true,
    sizeBytes: bytes.length,
  };
  bucket.knowHash(bytes, sha256);
  const checksum = crc32Text(crc32);
  const answer = await bucket.call(
    doing,
    async ({ sdk, client, options }) =>
      await client.send(
        new sdk.PutObjectCommand({
          Bucket: bucket.name,
          Key: bucket.s3Key(key),
          Body: bytes,
          ContentLength: bytes.length,
          ChecksumCRC32: checksum,
          ...condition,
          ...objectSettings(bucket.settings, retainUntil),
        }),
        options,
      ),
    { signal },
  );
  if (answer.ChecksumCRC32 !== undefined && answer.ChecksumCRC32 !== checksum)
    throw new CallFailed(doing, new Error('The checksum came back as another one'), false);
}

async function putParts(
  target: Target,
  parts: AsyncIterable<BodyPart>,
  flow: Flow,
): Promise<Written> {
  const { bucket, conditional, key } = target;
  const hashes: PartHash[] = [];
  // Nothing is uploaded for an object that is there: the body is only compared with it.
  if ((await sizeOf(bucket, key, flow)) !== undefined) {
    for await (const part of parts) {
      hashes.push(hashOf(part));
      part.done();
    }
    return await settled(target, hashes, flow, async () => 'taken');
  }
  await using upload = await beginUpload(bucket, key, flow);
  const { sent, crc32 } = await sendParts(upload, parts, { ...flow, hashes });
  return await settled(target, hashes, flow, async () => {
    return await conditional.write({
      send: async (condition) => {
        await upload.complete(sent, crc32, { ...flow, condition });
        await untilSeen(target, hashes, flow);
      },
      isThere: async () => (await sizeOf(bucket, key, flow)) !== undefined,
      canProbe: false,
    });
  });
}

async function sendParts(
  upload: Upload,
  parts: AsyncIterable<BodyPart>,
  { signal, stop, hashes }: Flow & { readonly hashes: PartHash[] },
): Promise<{ readonly sent: readonly SentPart[]; readonly crc32: string }> {
  const inFlight = new Set<Promise<void>>();
  const sent: SentPart[] = [];
  let crc32 = 0;

  async function send(part: BodyPart): Promise<void> {
    try {
      sent.push(await upload.send(part, { signal }));
      part.done();
    } catch (error) {
      // The others stop as well, and the body is not waited for.
      stop.abort(error);
    }
  }

  try {
    for await (const part of parts) {
      if (part.number > PARTS_MAX) throw new RangeError(`A body has more than ${PARTS_MAX} parts`);
      hashes.push(hashOf(part));
      crc32 = part.crc32SoFar;
      const sending = send(part).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
      if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
      signal.throwIfAborted();
    }
    await Promise.all(inFlight);
    signal.throwIfAborted();
  } catch (error) {
    stop.abort(error);
    // Only then may the upload be aborted: a part that arrives later would stay.
    await Promise.all(inFlight);
    throw error;
  }
  return { sent: sent.toSorted((a, b) => a.number - b.number), crc32: crc32Text(crc32) };
}

/**
 * Asked a second time, because its first answer was late or lost, a server may call complete what it is
 * still joining (versitygw does, "for idempotency"). What nobody can see yet is not stored.
 *
 * @throws CallFailed
 */
async function untilSeen(
  { bucket, key }: Target,
  hashes: readonly PartHash[],
  { signal }: Flow,
): Promise<void> {
  const doing: Doing = { action: 'write', key, permission: 's3:GetObject', isWrite: true };
  for (let attempt = 1; ; attempt++) {
    const size = await sizeOf(bucket, key, { signal });
    if (size === lengthOf(hashes)) return;
    if (size !== undefined || attempt >= bucket.limits.attemptsMax) {
      const seen = size === undefined ? 'is not there' : `has ${size} bytes`;
      throw new CallFailed(doing, new Error(`The server called it complete, and it ${seen}`), true);
    }
    await bucket.pause(attempt, { signal });
  }
}

function lengthOf(hashes: readonly PartHash[]): number {
  return hashes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Answers what became of a write, by comparing where that is not clear from the answer. */
async function settled(
  { bucket, key }: Target,
  hashes: readonly PartHash[],
  options: PutOptions,
  write: () => Promise<'written' | 'taken'>,
): Promise<Written> {
  const sizeBytes = lengthOf(hashes);
  try {
    if ((await write()) === 'written') return { key, sizeBytes, outcome: 'written' };
  } catch (error) {
    const isUnclear =
      hasCode(error, 'NoSuchUpload') || (error instanceof CallFailed && error.isUnclear);
    if (!isUnclear || !(await isThere(bucket, key, options))) throw error;
  }
  if (await holdsSame(bucket, key, { hashes, sizeBytes, signal: options.signal }))
    return { key, sizeBytes, outcome: 'already there' };
  throw new Problem(
    WRITE_REFUSED,
    `Cannot write "${key}" in the store "${bucket.description}": it holds other bytes`,
    { facts: { key, store: bucket.description } },
  );
}

/** A store that cannot tell is one that failed: what failed first is told. */
async function isThere(bucket: Bucket, key: ObjectKey, options: PutOptions): Promise<boolean> {
  try {
    return (await sizeOf(bucket, key, options)) !== undefined;
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof CallFailed) return false;
    throw error;
  }
}

async function holdsSame(
  bucket: Bucket,
  key: ObjectKey,
  { hashes, sizeBytes, signal }: PutOptions & { hashes: readonly PartHash[]; sizeBytes: number },
): Promise<boolean> {
  if ((await sizeOf(bucket, key, { signal })) !== sizeBytes) return false;
  const stored = await readRange(bucket, key, {
    startByte: 0,
    lengthBytes: undefined,
    signal,
  });
  const comparing = new Comparison(hashes);
  const chunks: AsyncIterable<Buffer> = stored;
  for await (const chunk of chunks) if (!comparing.add(chunk)) return false;
  return comparing.end();
}

/** Holds bytes against the hashes of parts that are gone. */
class Comparison {
  readonly #hashes: readonly PartHash[];
  #index = 0;
  #taken = 0;
  #sha256 = createHash('sha256');

  constructor(hashes: readonly PartHash[]) {
    this.#hashes = hashes;
  }

  /** False: they differ. */
  add(chunk: Buffer): boolean {
    for (let rest = chunk; rest.length > 0; ) {
      const part = this.#hashes[this.#index];
      if (part === undefined) return false;
      const piece = rest.subarray(0, part.sizeBytes - this.#taken);
      this.#sha256.update(piece);
      this.#taken += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#taken === part.sizeBytes && !this.#next(part)) return false;
    }
    return true;
  }

  /** True: all of it was there. An empty body is one empty part. */
  end(): boolean {
    const rest = this.#hashes.slice(this.#index);
    return rest.every(({ sizeBytes }) => sizeBytes === 0);
  }

  #next({ sha256 }: PartHash): boolean {
    const isSame = this.#sha256.digest().equals(sha256);
    this.#index++;
    this.#taken = 0;
    this.#sha256 = createHash('sha256');
    return isSame;
  }
}

function hashOf({ sha256, bytes }: BodyPart): PartHash {
  return { sha256, sizeBytes: bytes.length };
}

async function* joined(
  first: BodyPart,
  rest: AsyncIterable<BodyPart>,
): AsyncGenerator<BodyPart, void, undefined> {
  yield first;
  yield* rest;
}
