/**
 * One backup, or one restore, of our engine in a process of its own, as the bench measures it. Its only
 * argument is an `OursRequest` as JSON; it answers an `OursAnswer` on its output.
 */
import { performance } from 'node:perf_hooks';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { OursAnswer, OursRequest } from './ours-words.ts';

const WORKERS = 2;
/** How often the main thread is asked whether it is free. */
const TICK_MS = 2;

const request: OursRequest = JSON.parse(process.argv[2] ?? '') as OursRequest;
const ring = keyRing(new Map([['bench', Buffer.alloc(32, 7)]]));
const { signal } = new AbortController();
const engine = streamingEngine({
  connectionUrl: () => request.url,
  clock: systemClock,
  workers: WORKERS,
});
const store = directoryStore(request.store);
const stop = watchStalls();
const did = request.action === 'backup' ? await backup() : await restore();
process.stdout.write(JSON.stringify({ ...did, ...stop() } satisfies OursAnswer));

type Did = Pick<OursAnswer, 'storedBytes' | 'readBytes'>;

async function backup(): Promise<Did> {
  if (!isServerName(request.server)) throw new TypeError('Not a server');
  const { storedBytes } = await engine.takeBackup({
    store,
    ring,
    server: request.server,
    backupId: backupIdAt(systemClock.now()),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });
  return { storedBytes, readBytes: 0 };
}

async function restore(): Promise<Did> {
  const { readBytes } = await engine.restoreFiles({
    store,
    ring,
    summary: await newest(engine, store),
    directory: request.directory,
    signal,
    onProgress: () => undefined,
  });
  return { storedBytes: 0, readBytes };
}

async function newest(of: Engine, from: ObjectStore): Promise<BackupSummary> {
  if (!isServerName(request.server)) throw new TypeError('Not a server');
  const { backups } = await of.listBackups({ store: from, ring, server: request.server, signal });
  const summary = backups.at(-1);
  if (summary === undefined) throw new Error('There is no backup to restore');
  return summary;
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
