/**
 * One multipart upload: parts are sent in any order, and nobody sees an object before `complete()`. When it
 * leaves its block without that, it is aborted; one that stays all the same is found by the sweep.
 */
import type { ObjectKey, PutOptions } from '../object-store.ts';
import { type BodyPart, crc32Text } from './body-parts.ts';
import type { Bucket } from './bucket.ts';
import type { Condition } from './conditional-writes.ts';
import { CallFailed, type Doing } from './failures.ts';
import { objectSettings } from './object-settings.ts';

export interface SentPart {
  readonly number: number;
  readonly etag: string | undefined;
  readonly crc32: string;
}

interface Options {
  readonly signal: AbortSignal;
}

const ABORT_MS = 20_000;

/** @throws CallFailed */
export async function beginUpload(
  bucket: Bucket,
  key: ObjectKey,
  { signal, retainUntil }: PutOptions,
): Promise<Upload> {
  const doing: Doing = { action: 'write', key, permission: 's3:PutObject', isWrite: true };
  const id = await bucket.call(
    doing,
    async ({ sdk, client, options }) => {
      const { UploadId } = await client.send(
        new sdk.CreateMultipartUploadCommand({
          Bucket: bucket.name,
          Key: bucket.s3Key(key),
          ChecksumAlgorithm: 'CRC32',
          ChecksumType: 'FULL_OBJECT',
          ...objectSettings(bucket.settings, retainUntil),
        }),
        options,
      );
      return UploadId ?? '';
    },
    { signal },
  );
  return new Upload(bucket, doing, id);
}

export class Upload implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #doing: Doing;
  readonly #names: { readonly Bucket: string; readonly Key: string; readonly UploadId: string };
  #isOver = false;

  constructor(bucket: Bucket, doing: Doing, id: string) {
    this.#bucket = bucket;
    this.#doing = doing;
    this.#names = { Bucket: bucket.name, Key: bucket.s3Key(doing.key ?? ''), UploadId: id };
  }

  /** @throws CallFailed */
  async send({ number, bytes, crc32, sha256 }: BodyPart, options: Options): Promise<SentPart> {
    const checksum = crc32Text(crc32);
    this.#bucket.knowHash(bytes, sha256);
    const doing = { ...this.#doing, sizeBytes: bytes.length };
    const answer = await this.#bucket.call(
      doing,
      async ({ sdk, client, options: send }) =>
        await client.send(
          new sdk.UploadPartCommand({
            ...this.#names,
            PartNumber: number,
            Body: bytes,
            ContentLength: bytes.length,
            ChecksumCRC32: checksum,
          }),
          send,
        ),
      options,
    );
    if (answer.ChecksumCRC32 !== undefined && answer.ChecksumCRC32 !== checksum)
      throw new CallFailed(doing, otherChecksum(number), false);
    return { number, etag: answer.ETag, crc32: checksum };
  }

  /** @throws CallFailed */
  async complete(
    parts: readonly SentPart[],
    crc32: string,
    { signal, condition }: Options & { readonly condition: Condition },
  ): Promise<void> {
    await this.#bucket.call(
      this.#doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.CompleteMultipartUploadCommand({
            ...this.#names,
            ...condition,
            ChecksumCRC32: crc32,
            ChecksumType: 'FULL_OBJECT',
            MultipartUpload: {
              Parts: parts.map(({ number, etag, crc32: ChecksumCRC32 }) => ({
                PartNumber: number,
                ...(etag === undefined ? {} : { ETag: etag }),
                ChecksumCRC32,
              })),
            },
          }),
          options,
        ),
      { signal },
    );
    this.#isOver = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    const doing = { ...this.#doing, permission: 's3:AbortMultipartUpload' };
    const signal = AbortSignal.timeout(ABORT_MS);
    await this.#bucket
      .call(
        doing,
        async ({ sdk, client, options }) =>
          await client.send(new sdk.AbortMultipartUploadCommand(this.#names), options),
        { signal },
      )
      .catch(ignore);
  }
}

function otherChecksum(number: number): Error {
  return new Error(`The checksum of part ${number} came back as another one`);
}

function ignore(): void {
  // Disposers do not throw; what stays is found by sweep().
}
