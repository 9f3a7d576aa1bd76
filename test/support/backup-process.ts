/**
 * A process of its own that takes one backup into a folder, for tests that kill it. Arguments: the
 * server's URL, the store's folder, the key file, the backup's id. Says `begun` when it is about to
 * connect, and `done`. In the folder's place may stand a bucket,
 * `http://key:secret@host:port/bucket?region=…`; its packs are larger then, so that they go up in parts.
 * With the word `proving` behind them it takes a proof point without end, and says so first.
 */
import { setInterval } from 'node:timers/promises';

import { openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { isBackupId, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { peerSettings, peerStore } from './s3-peers.ts';

const [url = '', folder = '', keys = '', backupId = '', how = ''] = process.argv.slice(2);
const server = 'shop';
const isBucket = folder.startsWith('http:');
if (!isBackupId(backupId) || !isServerName(server)) throw new TypeError('Not a backup');
const engine = streamingEngine({
  connectionUrl: () => url,
  clock: systemClock,
  workers: 2,
  packBytesMax: isBucket ? 8 << 20 : 1 << 20,
});
const ring = await openFileKeyRing(keys);

function storeAt(place: string): ObjectStore {
  if (!isBucket) return directoryStore(place);
  const { origin, username, password, pathname, searchParams } = new URL(place);
  const peer = {
    endpoint: origin,
    region: searchParams.get('region') ?? '',
    accessKeyId: username,
    secretAccessKey: password,
  };
  return peerStore(peerSettings(peer, { bucket: pathname.slice(1) }));
}

async function proveForEver(): Promise<never> {
  process.stdout.write('proving\n');
  for await (const _ of setInterval(1000)) continue;
  throw new Error('It never ends');
}

process.stdout.write('begun\n');
await engine.takeBackup({
  store: storeAt(folder),
  ring,
  server,
  backupId,
  log: silentLog,
  signal: new AbortController().signal,
  onProgress: () => undefined,
  ...(how === 'proving' ? { takeProofPoint: proveForEver } : {}),
});
process.stdout.write('done\n');
