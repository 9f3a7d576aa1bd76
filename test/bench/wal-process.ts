/**
 * Our archiving of one server in a process of its own, as the bot runs it: with its guards, its catalogue
 * on disk and its heartbeat. Its only argument is a `WalRequest` as JSON; it begins with the first byte on
 * its input, tells `WalNews` in lines, and ends in order when its input ends.
 */
import { join } from 'node:path';

import { archivingService } from '../../src/archiving/services.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { openStore } from './ours-store.ts';
import { type WalNews, WalRequest } from './ours-words.ts';

const request = WalRequest.parse(JSON.parse(process.argv[2] ?? ''));
const { server: name, url, store, catalog: folder, tailSeconds } = request;
if (!isServerName(name)) throw new TypeError('Not a server');
const clock = systemClock;
await using catalog = await openSqliteCatalog({ path: join(folder, 'catalog'), clock });
const service = archivingService(
  {
    name,
    url,
    storeName: 'bench',
    store: await openStore(store),
    ring: keyRing(new Map([['bench', Buffer.alloc(32, 7)]])),
    tailSeconds,
  },
  {
    catalog,
    clock,
    log: silentLog,
    listener: {
      object: () => undefined,
      progress: ({ storedLsn }) => tell({ storedLsn, atMs: clock.now().epochMilliseconds }),
    },
  },
);
const stop = new AbortController();
process.stdin.once('end', () => stop.abort(new Error('The bench has seen enough')));
const begun = new Promise((resolve) => process.stdin.once('data', resolve));
tell('loaded');
await begun;
await service.run({ signal: stop.signal, ready: () => undefined });

function tell(news: WalNews): void {
  process.stdout.write(`${JSON.stringify(news)}\n`);
}
