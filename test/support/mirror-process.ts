/**
 * A process of its own that brings one folder level with another, for tests that kill it. Arguments: the
 * two folders, the key file, the catalogue. Says `begun` before it copies, and `done`.
 */
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { catchUpBackups, catchUpWal, clusterFolders } from '../../src/mirroring/catch-up.ts';
import { MirrorFeed } from '../../src/mirroring/feed.ts';
import { copyingOn } from '../../src/mirroring/services.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import { testServerName } from './folder-archive.ts';

const [from = '', to = '', keys = '', path = ''] = process.argv.slice(2);
const clock = systemClock;
const catalog = await openSqliteCatalog({ path, clock });
const { signal } = new AbortController();
const deps = {
  mirrored: [],
  ring: await openFileKeyRing(keys),
  engine: streamingEngine({ connectionUrl: () => '', clock }),
  catalog,
  feed: new MirrorFeed(),
  clock,
  log: silentLog,
};
const source = { name: 'here', store: directoryStore(from) };
const target = { name: 'west', store: directoryStore(to) };
const copying = copyingOn({ server: testServerName('shop'), source, target }, deps, signal);
process.stdout.write('begun\n');
await catchUpWal(copying);
for (const cluster of await clusterFolders(copying, copying))
  await catchUpBackups(copying, `${cluster}base/`, new Set());
process.stdout.write('done\n');
await catalog[Symbol.asyncDispose]();
