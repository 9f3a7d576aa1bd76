/**
 * One backup, or one restore, of our engine in a process of its own, as the bench measures it. Its only
 * argument is an `OursRequest` as JSON; it answers an `OursAnswer` on its output.
 */
import { performance } from 'node:perf_hooks';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { manifestKey, packKey } from '../../src/engines/streaming/format.ts';
import { openManifest } from '../../src/engines/streaming/manifest.ts';
import { openPack } from '../../src/engines/streaming/pack-reader.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName, type ServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { openStore } from './ours-store.ts';
import { type OursAnswer, OursRequest } from './ours-words.ts';

const WORKERS = 2;
/** How often the main thread is asked whether it is free. */
const TICK_MS = 2;

const request = OursRequest.parse(JSON.parse(process.argv[2] ?? ''));
const ring = keyRing(new Map([['bench', Buffer.alloc(32, 7)]]));
const { signal } = new AbortController();
const { level } = request;
const engine = streamingEngine({
  connectionUrl: () => request.url,
  clock: systemClock,
  tuning: () => ({ workers: WORKERS, compression: { method: 'zstd', level } }),
});
const store = await openStore(request.store);
// A bot has loaded its store's library long before a backup begins.
await store.census({ signal })[Symbol.asyncIterator]().next();
const stop = watchStalls();
const did = request.action === 'backup' ? await backup() : await restore();
process.stdout.write(JSON.stringify({ ...did, ...stop() } satisfies OursAnswer));

type Did = Omit<OursAnswer, 'stallMs' | 'stallCpuMs'>;

function serverName(): ServerName {
  if (!isServerName(request.server)) throw new TypeError('Not a server');
  return request.server;
}

async function backup(): Promise<Did> {
  const { storedBytes } = await engine.takeBackup({
    store,
    ring,
    server: serverName(),
    backupId: backupIdAt(systemClock.now()),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });
  return { storedBytes, readBytes: 0, ownBytes: 0, indexBytes: 0 };
}

async function restore(): Promise<Did> {
  const { table, directory } = request;
  const summary = await newest();
  const { readBytes } = await engine.restoreFiles({
    store,
    ring,
    summary,
    directory,
    ...(table === '' ? {} : { only: isOfTable }),
    signal,
    onProgress: () => undefined,
  });
  const sizes = table === '' ? { ownBytes: 0, indexBytes: 0 } : await sizesOf(summary);
  return { storedBytes: 0, readBytes, ...sizes };
}

async function newest(): Promise<BackupSummary> {
  const { backups } = await engine.listBackups({ store, ring, server: serverName(), signal });
  const summary = backups.at(-1);
  if (summary === undefined) throw new Error('There is no backup to restore');
  return summary;
}

/** Its segments and forks begin like its first file. */
function isOfTable(path: string): boolean {
  const { table } = request;
  return path.startsWith(table) && !/^\d/.test(path.slice(table.length));
}

/** A frame is shared by the files in it, each by its plain bytes. */
async function sizesOf(summary: BackupSummary): Promise<Pick<Did, 'ownBytes' | 'indexBytes'>> {
  const key = manifestKey(summary, summary.backupId);
  const manifest = await openManifest({ store, ring, key, signal });
  const files = await manifest.files();
  let [ownBytes, indexBytes] = [0, 0];
  for (const { name } of manifest.packs) {
    const place = packKey(summary, summary.backupId, name);
    const pack = await openPack({ store, ring }, summary, place, { signal });
    indexBytes += pack.indexBytes;
    for (const [storedBytes, plainBytes, extents] of pack.frames) {
      const own = extents.filter(([file]) => isOfTable(files[file]?.path ?? ''));
      ownBytes += (storedBytes * own.reduce((sum, [, , length]) => sum + length, 0)) / plainBytes;
    }
  }
  return { ownBytes: Math.round(ownBytes), indexBytes };
}

/** The longest time that the main thread did not come back to its timers, and what CPU it took in that. */
function watchStalls(): () => Pick<OursAnswer, 'stallMs' | 'stallCpuMs'> {
  let [stallMs, stallCpuMs] = [0, 0];
  let [last, lastCpu] = [performance.now(), threadCpuMs()];
  const timer = setInterval(() => {
    const [now, cpu] = [performance.now(), threadCpuMs()];
    stallMs = Math.max(stallMs, now - last - TICK_MS);
    stallCpuMs = Math.max(stallCpuMs, cpu - lastCpu);
    [last, lastCpu] = [now, cpu];
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    return { stallMs, stallCpuMs };
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
