/** How an object is to be stored, in the SDK's words. Pure. */
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';

import type { S3Settings } from './settings.ts';

type ObjectInput = Pick<
  PutObjectCommandInput,
  | 'StorageClass'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'BucketKeyEnabled'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
>;

export function objectSettings(
  { storageClass, encryption, objectLock }: S3Settings,
  retainUntil: Temporal.Instant | undefined,
): ObjectInput {
  return {
    ...(storageClass === undefined ? {} : { StorageClass: storageClassOf(storageClass) }),
    ...(encryption === undefined ? {} : encryptionInput(encryption)),
    ...(objectLock === undefined || retainUntil === undefined
      ? {}
      : { ObjectLockMode: lockMode(objectLock), ObjectLockRetainUntilDate: sdkDate(retainUntil) }),
  };
}

export function lockMode({
  mode,
}: {
  readonly mode: 'compliance' | 'governance';
}): 'COMPLIANCE' | 'GOVERNANCE' {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

/** S3 counts in seconds, and the SDK drops the rest: an object is rather kept longer than shorter. */
export function sdkDate(
  instant: Temporal.Instant,
): NonNullable<ObjectInput['ObjectLockRetainUntilDate']> {
  const { epochMilliseconds } = instant.round({ smallestUnit: 'second', roundingMode: 'ceil' });
  // oxlint-disable-next-line no-restricted-globals -- the SDK takes nothing else
  return new Date(epochMilliseconds);
}

function encryptionInput(encryption: NonNullable<S3Settings['encryption']>): ObjectInput {
  if (encryption.kind === 'aes256') return { ServerSideEncryption: 'AES256' };
  return {
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: encryption.key,
    // One call to KMS for many objects instead of one for each.
    BucketKeyEnabled: true,
  };
}

type StorageClass = NonNullable<PutObjectCommandInput['StorageClass']>;

/** Servers know classes that the SDK's list does not. */
function storageClassOf(name: string): StorageClass {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server decides, not the list
  return name as StorageClass;
}
