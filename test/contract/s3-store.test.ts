/** The bucket store on servers of others: versitygw, which stores in earnest, and moto. */
import { afterAll, beforeAll, describe } from 'vitest';

import type { ObjectStore } from '../../src/storage/object-store.ts';
import {
  type AwsPeer,
  needs,
  type PeerName,
  peerLacks,
  startMoto,
  startVersitygw,
} from '../support/peers.ts';
import { type BucketKind, makeBucket, peerSettings, peerStore } from '../support/s3-peers.ts';
import { objectStoreContract } from './object-store.contract.ts';

interface Server {
  readonly name: string;
  readonly peer: PeerName;
  readonly start: () => Promise<AwsPeer>;
  readonly keepsLocks: boolean;
}

const SERVERS: readonly Server[] = [
  { name: 'versitygw', peer: 'versitygw', start: startVersitygw, keepsLocks: true },
  // Asked for the retention of an object, moto answers with the object itself.
  { name: 'moto', peer: 'python', start: startMoto, keepsLocks: false },
];
/** Python takes its time where others work, too. */
const START_MS = 60_000;
const BUCKETS: readonly BucketKind[] = [
  { name: 'plain-bucket' },
  { name: 'locking-bucket', locks: true },
];

for (const { name, peer, start, keepsLocks } of SERVERS) {
  describe.skipIf(peerLacks(peer) !== undefined)(`on ${name}${needs(peer)}`, () => {
    let server: AwsPeer;
    let count = 0;
    beforeAll(async () => {
      server = await start();
      for (const bucket of BUCKETS) await makeBucket(server, bucket);
    }, START_MS);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
    });

    for (const { name: bucket, locks = false } of BUCKETS) {
      async function openStore(): Promise<ObjectStore> {
        return peerStore(
          peerSettings(server, {
            bucket,
            prefix: `prefix/${count++}`,
            ...(locks ? { objectLock: { mode: 'governance' } } : {}),
          }),
        );
      }
      objectStoreContract(`s3Store() in a ${bucket} of ${name}`, openStore, {
        locks: locks && keepsLocks,
      });
    }
  });
}
