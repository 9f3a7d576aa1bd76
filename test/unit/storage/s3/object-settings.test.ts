import { expect, test } from 'vitest';

import { objectSettings } from '../../../../src/storage/s3/object-settings.ts';

const BUCKET = { bucket: 'backups', region: 'us-east-1' };
const UNTIL = Temporal.Instant.from('2026-12-01T00:00:00.000000001Z');

test('says nothing that the config does not say', () => {
  expect(objectSettings(BUCKET, UNTIL)).toEqual({});
  expect(objectSettings({ ...BUCKET, objectLock: { mode: 'compliance' } }, undefined)).toEqual({});
});

test('locks until the second after, because S3 counts in seconds', () => {
  const input = objectSettings({ ...BUCKET, objectLock: { mode: 'governance' } }, UNTIL);

  expect(input.ObjectLockMode).toBe('GOVERNANCE');
  expect(input.ObjectLockRetainUntilDate?.toISOString()).toBe('2026-12-01T00:00:01.000Z');
});

test('asks KMS once for many objects', () => {
  const encryption = { kind: 'kms', key: 'alias/backups' } as const;

  expect(objectSettings({ ...BUCKET, encryption, storageClass: 'STANDARD_IA' }, undefined)).toEqual(
    {
      StorageClass: 'STANDARD_IA',
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'alias/backups',
      BucketKeyEnabled: true,
    },
  );
});
