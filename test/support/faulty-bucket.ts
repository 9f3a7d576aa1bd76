/** A bucket of a real server, and before it a proxy that spoils what passes. Each test gets a folder of its own. */
import { systemClock } from '../../src/kernel/clock.ts';
import type { S3Store } from '../../src/storage/s3/store.ts';
import { type Fault, type FaultProxy, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import { type AwsPeer, startVersitygw } from './peers.ts';
import { makeBucket, peerSettings, peerStore } from './s3-peers.ts';
import { IMPATIENT } from './s3-requests.ts';

const NAME = 'faulty';

export interface FaultyBucket extends AsyncDisposable {
  readonly server: AwsPeer;
  readonly proxy: FaultProxy;
  /** Another folder, and another proxy that has seen nothing. */
  renew(): Promise<void>;
  /** `place`: the server, the proxy, or where one of them was. */
  storeAt(
    place: { readonly endpoint: string },
    limits?: typeof IMPATIENT,
    clock?: typeof systemClock,
  ): S3Store;
  /** The first `times` requests that match are spoiled. */
  spoil(fault: Fault, matches: (asked: SeenRequest) => boolean, times?: number): void;
}

export async function openFaultyBucket(): Promise<FaultyBucket> {
  const server = await startVersitygw();
  await makeBucket(server, { name: NAME });
  let proxy = await startFaultProxy(server.endpoint);
  let count = 0;
  return {
    server,
    get proxy() {
      return proxy;
    },
    async renew() {
      await proxy[Symbol.asyncDispose]();
      proxy = await startFaultProxy(server.endpoint);
      count += 1;
    },
    storeAt({ endpoint }, limits = IMPATIENT, clock = systemClock) {
      const place = { bucket: NAME, prefix: `run/${count}` };
      return peerStore(peerSettings({ ...server, endpoint }, place), { limits, clock });
    },
    spoil(fault, matches, times = 1) {
      let left = times;
      proxy.choose = (asked) => (matches(asked) && left-- > 0 ? fault : undefined);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
