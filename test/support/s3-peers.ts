/** Buckets on a peer, and stores in them. */
import {
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';

import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import type { S3Limits, S3Settings } from '../../src/storage/s3/settings.ts';
import { type S3Store, s3Store } from '../../src/storage/s3/store.ts';
import type { AwsPeer } from './peers.ts';

const MIB = 1024 * 1024;
/** S3 takes no smaller parts. */
const SMALL_PARTS: Partial<S3Limits> = { partBytes: 5 * MIB, memoryBytes: 20 * MIB };

export function peerClient({ endpoint, region, ...keys }: Peer): S3Client {
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials: { ...keys } });
}

type Peer = Omit<AwsPeer, keyof AsyncDisposable>;

export interface BucketKind {
  readonly name: string;
  readonly versions?: boolean;
  readonly locks?: boolean;
}

export async function makeBucket(peer: Peer, { name, versions, locks }: BucketKind): Promise<void> {
  const client = peerClient(peer);
  await client
    .send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: locks === true }))
    .catch((error: unknown) => {
      if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
    });
  if (versions === true || locks === true)
    await client.send(
      new PutBucketVersioningCommand({
        Bucket: name,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
  client.destroy();
}

export function peerSettings(
  peer: Peer,
  more: Pick<S3Settings, 'bucket'> & Partial<S3Settings>,
): S3Settings {
  const { endpoint, region, accessKeyId, secretAccessKey } = peer;
  const credentials = { accessKeyId, secretAccessKey };
  return { endpoint, region, forcePathStyle: true, credentials, ...more };
}

interface PeerStoreParts {
  readonly limits?: Partial<S3Limits>;
  readonly warn?: (message: string) => void;
  readonly clock?: Clock;
}

export function peerStore(
  settings: S3Settings,
  { limits, warn = refuse, clock = systemClock }: PeerStoreParts = {},
): S3Store {
  return s3Store(settings, {
    clock,
    random: () => 0.5,
    warn,
    limits: { ...SMALL_PARTS, ...limits },
  });
}

function refuse(message: string): void {
  throw new Error(`A store warned of what nobody expected: ${message}`);
}
