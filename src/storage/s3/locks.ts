/**
 * Object Lock: objects that nobody removes before their time. Looks once whether the bucket can, because a
 * bucket without it would take every object and keep none.
 */
import { Problem } from '../../kernel/problem.ts';
import type { CallOptions, ObjectKey, ObjectLocks } from '../object-store.ts';
import { LOCK_UNAVAILABLE } from '../problems.ts';
import type { Bucket } from './bucket.ts';
import { type Doing, hasCode, hasStatus } from './failures.ts';
import { lockMode, sdkDate } from './object-settings.ts';

interface Retention {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  readonly until: Temporal.Instant;
}

/** For a store whose config asks for locks. The verbs fail with CallFailed. */
export function bucketLocks(bucket: Bucket, mode: 'compliance' | 'governance'): ObjectLocks {
  return {
    async retain(key, until, options) {
      const known = await retentionOf(bucket, key, options);
      if (known !== undefined && Temporal.Instant.compare(known.until, until) >= 0) return;
      const doing: Doing = { action: 'lock', key, permission: 's3:PutObjectRetention' };
      await bucket.call(
        doing,
        async ({ sdk, client, options: send }) =>
          await client.send(
            new sdk.PutObjectRetentionCommand({
              Bucket: bucket.name,
              Key: bucket.s3Key(key),
              // What is locked more strictly than the config says now stays so.
              Retention: {
                Mode: known?.mode ?? lockMode({ mode }),
                RetainUntilDate: sdkDate(until),
              },
            }),
            send,
          ),
        options,
      );
    },
    async retainedUntil(key, options) {
      return (await retentionOf(bucket, key, options))?.until;
    },
  };
}

/** @throws CallFailed */
export async function retentionOf(
  bucket: Bucket,
  key: ObjectKey,
  options: CallOptions & { readonly versionId?: string | undefined },
): Promise<Retention | undefined> {
  const doing: Doing = { action: 'read the lock of', key, permission: 's3:GetObjectRetention' };
  try {
    const { Retention: found } = await bucket.call(
      doing,
      async ({ sdk, client, options: send }) =>
        await client.send(
          new sdk.GetObjectRetentionCommand({
            Bucket: bucket.name,
            Key: bucket.s3Key(key),
            ...(options.versionId === undefined ? {} : { VersionId: options.versionId }),
          }),
          send,
        ),
      options,
    );
    if (found?.Mode === undefined || found.RetainUntilDate === undefined) return undefined;
    return { mode: found.Mode, until: found.RetainUntilDate.toTemporalInstant() };
  } catch (error) {
    if (hasNoLock(error)) return undefined;
    throw error;
  }
}

/** @throws Problem STORAGE_LOCK_UNAVAILABLE; CallFailed */
export async function requireLocks(bucket: Bucket, options: CallOptions): Promise<void> {
  const input = { Bucket: bucket.name };
  const versioning = await bucket.call(
    { action: 'look how versions are kept in', permission: 's3:GetBucketVersioning' },
    async ({ sdk, client, options: send }) =>
      await client.send(new sdk.GetBucketVersioningCommand(input), send),
    options,
  );
  if (versioning.Status !== 'Enabled')
    throw unavailable(
      bucket,
      `versioning is ${versioning.Status === undefined ? 'off' : 'suspended'}, and must be on`,
    );
  try {
    const { ObjectLockConfiguration: lock } = await bucket.call(
      { action: 'look for the locks of', permission: 's3:GetBucketObjectLockConfiguration' },
      async ({ sdk, client, options: send }) =>
        await client.send(new sdk.GetObjectLockConfigurationCommand(input), send),
      options,
    );
    if (lock?.ObjectLockEnabled === 'Enabled') return;
  } catch (error) {
    if (!hasNoLock(error)) throw error;
  }
  throw unavailable(bucket, 'Object Lock is off, and must be on');
}

function hasNoLock(error: unknown): boolean {
  return (
    hasCode(
      error,
      'ObjectLockConfigurationNotFoundError',
      'NoSuchObjectLockConfiguration',
      'InvalidBucketObjectLockConfiguration',
    ) ||
    // Of objects that have none, some servers say no more than that the request is not valid.
    (hasCode(error, 'InvalidRequest') && hasStatus(error, 400))
  );
}

function unavailable({ description, name }: Bucket, why: string): Problem {
  return new Problem(
    LOCK_UNAVAILABLE,
    `Cannot lock objects in the store "${description}": of the bucket "${name}" ${why}`,
    { facts: { store: description } },
  );
}
