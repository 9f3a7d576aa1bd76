/** Removes an object with all its versions, as whoever may remove; finds out why where it may not. */
import { utcText } from '../../kernel/codecs.ts';
import { Problem } from '../../kernel/problem.ts';
import type { CallOptions, ObjectKey } from '../object-store.ts';
import { OBJECT_LOCKED, REMOVE_DENIED, STORE_ANSWER } from '../problems.ts';
import type { Bucket } from './bucket.ts';
import { CallFailed, type Doing, hasCode, hasStatus } from './failures.ts';
import { sizeOf } from './heads.ts';
import { listVersions } from './listings.ts';
import { retentionOf } from './locks.ts';

/** How often it is listed again until nothing of it is there. */
const ROUNDS_MAX = 5;

/** @throws CallFailed; Problem STORAGE_OBJECT_LOCKED; STORAGE_REMOVE_DENIED */
export async function removeObject(
  bucket: Bucket,
  key: ObjectKey,
  options: CallOptions,
): Promise<void> {
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const versions = await versionsOf(bucket, key, options);
    // A listing may be older than the object: only who looks for itself knows that it is gone.
    if (versions.length === 0 && (await sizeOf(bucket, key, options)) === undefined) return;
    if (round > 1) await bucket.pause(round - 1, options);
    for (const versionId of versions) await removeVersion(bucket, key, { ...options, versionId });
  }
  throw new Problem(
    STORE_ANSWER,
    `Cannot remove "${key}" in the store "${bucket.description}": it is still there after ${ROUNDS_MAX} rounds`,
    { facts: { key, store: bucket.description } },
  );
}

/** The versions of exactly this key; undefined among them: the bucket knows none. */
async function versionsOf(
  bucket: Bucket,
  key: ObjectKey,
  { signal }: CallOptions,
): Promise<(string | undefined)[]> {
  const name = bucket.s3Key(key);
  const versions: (string | undefined)[] = [];
  try {
    for await (const { item } of listVersions(bucket, name, { signal, as: 'deleter' })) {
      if (item.Key === name) versions.push(item.VersionId);
      // Keys come in order: what follows only begins like it.
      else if ((item.Key ?? '') > name) break;
    }
  } catch (error) {
    // A server that keeps no versions, and does not know the question.
    if (hasStatus(error, 501))
      return (await sizeOf(bucket, key, { signal })) === undefined ? [] : [undefined];
    if (hasCode(error, 'AccessDenied')) throw denied(bucket, key, 's3:ListBucketVersions', error);
    throw error;
  }
  return versions;
}

interface Version extends CallOptions {
  readonly versionId: string | undefined;
}

async function removeVersion(bucket: Bucket, key: ObjectKey, version: Version): Promise<void> {
  const { signal, versionId } = version;
  const permission = versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
  const doing: Doing = { action: 'remove', key, permission };
  try {
    await bucket.call(
      doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.DeleteObjectCommand({
            Bucket: bucket.name,
            Key: bucket.s3Key(key),
            ...(versionId === undefined ? {} : { VersionId: versionId }),
          }),
          options,
        ),
      { signal, as: 'deleter' },
    );
  } catch (error) {
    if (hasCode(error, 'NoSuchKey', 'NoSuchVersion')) return;
    if (!(hasStatus(error, 403) || hasCode(error, 'ObjectLocked', 'InvalidRequest'))) throw error;
    throw await whyNot(bucket, key, { ...version, permission, error });
  }
}

/** Of what is locked, S3 says no more than that it may not be removed. */
async function whyNot(
  bucket: Bucket,
  key: ObjectKey,
  { error, permission, ...version }: Version & { permission: string; error: CallFailed },
): Promise<unknown> {
  const until = await lockedUntil(bucket, key, version);
  if (until !== undefined && Temporal.Instant.compare(until, bucket.clock.now()) > 0)
    return new Problem(
      OBJECT_LOCKED,
      `Cannot remove "${key}" in the store "${bucket.description}": it is locked until ${utcText(until)}`,
      { facts: { key, store: bucket.description, until: utcText(until) }, cause: error },
    );
  return hasStatus(error, 403) && hasCode(error, 'AccessDenied')
    ? denied(bucket, key, permission, error)
    : error;
}

async function lockedUntil(
  bucket: Bucket,
  key: ObjectKey,
  version: Version,
): Promise<Temporal.Instant | undefined> {
  try {
    return (await retentionOf(bucket, key, version))?.until;
  } catch (error) {
    version.signal.throwIfAborted();
    // Who may not look at locks is told that it may not remove.
    if (error instanceof CallFailed) return undefined;
    throw error;
  }
}

function denied(bucket: Bucket, key: ObjectKey, permission: string, cause: unknown): Problem {
  const who = bucket.settings.deleter === undefined ? 'credentials' : "deleter's credentials";
  return new Problem(
    REMOVE_DENIED,
    `Cannot remove "${key}" in the store "${bucket.description}": the ${who} may not do ${permission}`,
    { facts: { key, store: bucket.description }, cause },
  );
}
