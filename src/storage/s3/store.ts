/**
 * A store in a bucket of S3, or of a server that speaks like it. Nothing of the SDK is loaded before the
 * store is used. What is not named as we name objects is not ours: it is neither listed nor touched.
 */
import type { Readable } from 'node:stream';

import type { MultipartUpload } from '@aws-sdk/client-s3';
import { Problem } from '../../kernel/problem.ts';
import { requireKey } from '../keys.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectInfo,
  ObjectKey,
  ObjectLocks,
  ObjectStore,
  OpenOptions,
  PutOptions,
  StoredItem,
  Written,
} from '../object-store.ts';
import { STORE_ANSWER } from '../problems.ts';
import { Bucket, type BucketParts } from './bucket.ts';
import { ConditionalWrites } from './conditional-writes.ts';
import { CallFailed, hasCode } from './failures.ts';
import { sizeOf } from './heads.ts';
import { listObjects, listUploads, listVersions, uploadBytes } from './listings.ts';
import { bucketLocks, requireLocks } from './locks.ts';
import { putObject } from './put.ts';
import { readRange } from './range-reader.ts';
import { removeObject } from './removal.ts';
import { S3_LIMITS, type S3Limits, type S3Settings } from './settings.ts';

export interface S3StoreParts extends Omit<BucketParts, 'limits'> {
  readonly limits?: Partial<S3Limits>;
  /** Told once, when the server turns out to lack something that we then do without. */
  readonly warn: (message: string) => void;
}

export function s3Store(settings: S3Settings, parts: S3StoreParts): S3Store {
  return new S3Store(settings, parts);
}

export class S3Store implements ObjectStore {
  readonly locks: ObjectLocks | undefined;
  readonly #bucket: Bucket;
  readonly #conditional: ConditionalWrites;
  #canLock = false;

  constructor(settings: S3Settings, { limits, warn, ...parts }: S3StoreParts) {
    const bucket = new Bucket(settings, { ...parts, limits: { ...S3_LIMITS, ...limits } });
    this.#bucket = bucket;
    this.#conditional = new ConditionalWrites((why) =>
      warn(
        `The store "${bucket.description}" cannot refuse to overwrite: ${why}. Each write looks first, but two writers of one name at the same moment are not kept apart`,
      ),
    );
    if (settings.objectLock !== undefined) this.locks = this.#locks(settings.objectLock.mode);
  }

  get description(): string {
    return this.#bucket.description;
  }

  /** For tests: the memory that parts take. */
  get bufferCounts(): Bucket['buffers']['counts'] {
    return this.#bucket.buffers.counts;
  }

  async put(key: ObjectKey, body: Readable, options: PutOptions): Promise<Written> {
    requireKey(key);
    return await this.#told(async () => {
      try {
        await this.#begin(options);
        const target = { bucket: this.#bucket, conditional: this.#conditional, key };
        const written = await putObject(target, body, options);
        const { retainUntil } = options;
        if (written.outcome === 'already there' && retainUntil !== undefined)
          await this.locks?.retain(key, retainUntil, options);
        return written;
      } finally {
        body.destroy();
      }
    });
  }

  async open(key: ObjectKey, options: OpenOptions): Promise<Readable> {
    requireKey(key);
    const { signal, startByte = 0, lengthBytes } = options;
    return await this.#told(async () => {
      await this.#begin({ signal });
      return await readRange(this.#bucket, key, { signal, startByte, lengthBytes });
    });
  }

  async stat(key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo | undefined> {
    requireKey(key);
    return await this.#told(async () => {
      await this.#begin({ signal });
      const sizeBytes = await sizeOf(this.#bucket, key, { signal });
      return sizeBytes === undefined ? undefined : { key, sizeBytes };
    });
  }

  async *list(prefix: string, { signal, after }: ListOptions): AsyncIterable<ObjectInfo> {
    const bucket = this.#bucket;
    await this.#told(() => this.#begin({ signal }));
    const listed = listObjects(bucket, bucket.s3Key(prefix), {
      signal,
      after: after === undefined || after === '' ? undefined : bucket.s3Key(after),
    });
    let last: ObjectKey | undefined;
    for await (const { Key, Size = 0 } of this.#each(listed)) {
      signal.throwIfAborted();
      const key = bucket.ownKey(Key);
      if (key === undefined) continue;
      // Who seeks would miss what comes too late; and a server that repeats itself would never end.
      if (last !== undefined && key <= last) throw this.#outOfOrder(last, key);
      last = key;
      yield { key, sizeBytes: Size };
    }
  }

  async remove(key: ObjectKey, { signal }: CallOptions): Promise<void> {
    requireKey(key);
    await this.#told(async () => {
      await this.#begin({ signal });
      await removeObject(this.#bucket, key, { signal });
    });
  }

  async *census({ signal }: CallOptions): AsyncIterable<StoredItem> {
    const bucket = this.#bucket;
    await this.#told(() => this.#begin({ signal }));
    for await (const { kind, item } of this.#each(
      listVersions(bucket, bucket.s3Key(''), { signal }),
    )) {
      // A delete marker takes no room.
      if (kind === 'delete marker') continue;
      yield {
        key: bucket.ownName(item.Key) ?? '',
        sizeBytes: item.Size ?? 0,
        state: item.IsLatest === false ? 'noncurrent' : 'current',
        ...classOf(item.StorageClass),
      };
    }
    for await (const upload of this.#each(listUploads(bucket, bucket.s3Key(''), { signal })))
      yield {
        key: bucket.ownName(upload.Key) ?? '',
        sizeBytes: await this.#told(() => uploadBytes(bucket, upload, { signal })),
        state: 'unfinished',
        ...classOf(upload.StorageClass),
      };
  }

  async sweep({
    signal,
    olderThanMs,
  }: CallOptions & { readonly olderThanMs: number }): Promise<number> {
    const bucket = this.#bucket;
    await this.#told(() => this.#begin({ signal }));
    const before = bucket.clock.now().epochMilliseconds - olderThanMs;
    let removed = 0;
    for await (const upload of this.#each(listUploads(bucket, bucket.s3Key(''), { signal }))) {
      const begunMs = upload.Initiated?.toTemporalInstant().epochMilliseconds ?? before + 1;
      if (begunMs > before) continue;
      await this.#told(() => this.#abortUpload(upload, signal));
      removed++;
    }
    return removed;
  }

  #outOfOrder(last: ObjectKey, key: ObjectKey): Problem {
    return new Problem(
      STORE_ANSWER,
      `Cannot list the store "${this.description}": its server lists "${key}" after "${last}", and should list in order`,
      { facts: { store: this.description, key } },
    );
  }

  async #abortUpload({ Key, UploadId }: MultipartUpload, signal: AbortSignal): Promise<void> {
    const bucket = this.#bucket;
    try {
      await bucket.call(
        { action: 'abort an upload in', permission: 's3:AbortMultipartUpload' },
        async ({ sdk, client, options }) =>
          await client.send(
            new sdk.AbortMultipartUploadCommand({ Bucket: bucket.name, Key, UploadId }),
            options,
          ),
        { signal },
      );
    } catch (error) {
      // Its writer has ended it in the meantime.
      if (!hasCode(error, 'NoSuchUpload')) throw error;
    }
  }

  #locks(mode: 'compliance' | 'governance'): ObjectLocks {
    const locks = bucketLocks(this.#bucket, mode);
    return {
      retain: async (key, until, options) => {
        await this.#told(async () => {
          await this.#begin(options);
          await locks.retain(key, until, options);
        });
      },
      retainedUntil: async (key, options) =>
        await this.#told(async () => {
          await this.#begin(options);
          return await locks.retainedUntil(key, options);
        }),
    };
  }

  /** Looks once whether the bucket can keep locks, where they are asked for. */
  async #begin({ signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    if (this.locks === undefined || this.#canLock) return;
    await requireLocks(this.#bucket, { signal });
    this.#canLock = true;
  }

  async *#each<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* items;
    } catch (error) {
      throw this.#asProblem(error);
    }
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#asProblem(error);
    }
  }

  #asProblem(error: unknown): unknown {
    return error instanceof CallFailed ? this.#bucket.problem(error) : error;
  }
}

function classOf(storageClass: string | undefined): Pick<StoredItem, 'storageClass'> {
  return storageClass === undefined ? {} : { storageClass };
}
