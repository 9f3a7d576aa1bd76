/** Somebody on versitygw who may write into a bucket and lock what is there, and may remove nothing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';

import { type AwsPeer, VERSITYGW_PROGRAM } from './peers.ts';
import { peerClient } from './s3-peers.ts';

export const WRITER = { accessKeyId: 'writer', secretAccessKey: 'writersecret' };

export async function makeWriter(server: AwsPeer, Bucket: string): Promise<void> {
  await promisify(execFile)(VERSITYGW_PROGRAM, [
    ...`admin --region ${server.region} --endpoint-url ${server.endpoint}`.split(' '),
    ...`--access ${server.accessKeyId} --secret ${server.secretAccessKey}`.split(' '),
    ...`create-user --access ${WRITER.accessKeyId} --secret ${WRITER.secretAccessKey}`.split(' '),
    '--role',
    'user',
  ]);
  const client = peerClient(server);
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(Bucket) }));
  client.destroy();
}

function policyOf(bucket: string): string {
  const objects = ['PutObject', 'GetObject', 'AbortMultipartUpload', 'PutObjectRetention'];
  const whole = ['ListBucket', 'ListBucketVersions', 'ListBucketMultipartUploads'];
  const look = ['GetBucketVersioning', 'GetBucketObjectLockConfiguration'];
  const allowed = [
    [`${bucket}/*`, [...objects, 'GetObjectRetention']],
    [bucket, [...whole, ...look]],
  ] as const;
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: allowed.map(([resource, verbs]) => ({
      Effect: 'Allow',
      Principal: { AWS: [WRITER.accessKeyId] },
      Action: verbs.map((verb) => `s3:${verb}`),
      Resource: [`arn:aws:s3:::${resource}`],
    })),
  });
}
