/**
 * Looks whether an object is there. An answer to HEAD has no body, so that "not found" may mean the
 * object or the bucket: whatever is not a plain yes is asked again with GET, whose answer says which.
 */
import type { ObjectKey } from '../object-store.ts';
import type { Bucket } from './bucket.ts';
import { CallFailed, type Doing, hasCode, hasStatus } from './failures.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** The object's size; undefined: there is none. @throws CallFailed */
export async function sizeOf(
  bucket: Bucket,
  key: ObjectKey,
  options: Options,
): Promise<number | undefined> {
  const doing: Doing = { action: 'look for', key, permission: 's3:GetObject' };
  try {
    return await bucket.call(
      doing,
      async ({ sdk, client, options: send }) => {
        const input = { Bucket: bucket.name, Key: bucket.s3Key(key) };
        const { ContentLength } = await client.send(new sdk.HeadObjectCommand(input), send);
        return ContentLength ?? 0;
      },
      options,
    );
  } catch (error) {
    const status = error instanceof CallFailed ? error.failure.status : undefined;
    if (status === undefined || status >= 500) throw error;
    return await sizeByGet(bucket, doing, options);
  }
}

async function sizeByGet(
  bucket: Bucket,
  doing: Doing,
  options: Options,
): Promise<number | undefined> {
  try {
    return await bucket.call(
      doing,
      async ({ sdk, client, options: send }) => {
        const input = {
          Bucket: bucket.name,
          Key: bucket.s3Key(doing.key ?? ''),
          Range: 'bytes=0-0',
        };
        const answer = await client.send(new sdk.GetObjectCommand(input), send);
        await answer.Body?.transformToByteArray();
        return Number(answer.ContentRange?.split('/').at(-1) ?? answer.ContentLength ?? 0);
      },
      options,
    );
  } catch (error) {
    if (hasCode(error, 'NoSuchKey')) return undefined;
    // There is no first byte in an empty object.
    if (hasStatus(error, 416)) return 0;
    throw error;
  }
}
