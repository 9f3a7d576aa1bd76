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
}

const SERVERS: readonly Server[] = [
  { name: 'versitygw', peer: 'versitygw', start: startVersitygw },
  { name: 'moto', peer: 'python', start: startMoto },
];
const BUCKETS: readonly BucketKind[] = [
  { name: 'plain-bucket' },
  { name: 'locking-bucket', locks: true },
];

for (const { name, peer, start } of SERVERS) {
  describe.skipIf(peerLacks(peer) !== undefined)(`on ${name}${needs(peer)}`, () => {
    let server: AwsPeer;
    let count = 0;
    beforeAll(async () => {
      server = await start();
      for (const bucket of BUCKETS) await makeBucket(server, bucket);
    });
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
      objectStoreContract(`s3Store() in a ${bucket} of ${name}`, openStore);
    }
  });
}
