/** How a server is backed up: what its config says reaches the bytes, the threads and the socket. */
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import {
  type StreamingTuning,
  streamingEngine,
} from '../../src/engines/streaming/streaming-engine.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName, type ServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const ring = keyRing(new Map([['k1', Buffer.alloc(32, 3)]]));
const { signal } = new AbortController();
const SERVER = serverName('shop');
let postgres: TestPostgres;
let folder: TemporaryFolder;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = await temporaryFolder();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function serverName(text: string): ServerName {
  if (!isServerName(text)) throw new TypeError(text);
  return text;
}

interface Taken {
  readonly engine: Engine;
  readonly store: ObjectStore;
  readonly summary: BackupSummary;
}

async function take(tuning: StreamingTuning, clock: Clock = systemClock): Promise<Taken> {
  const engine = streamingEngine({
    connectionUrl: () => postgres.url(),
    clock,
    workers: 2,
    tuning: (server) => (server === SERVER ? tuning : {}),
  });
  const store = memoryStore();
  const summary = await engine.takeBackup({
    store,
    ring,
    server: SERVER,
    backupId: backupIdAt(systemClock.now()),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });
  return { engine, store, summary };
}

describe('a backup', () => {
  test('that shall not be compressed stores every byte as it is, and is restored all the same', async () => {
    const { engine, store, summary } = await take({ compression: { method: 'none', level: 1 } });
    const directory = join(folder.path, 'restored');

    const restored = await engine.restoreFiles({
      store,
      ring,
      summary,
      directory,
      signal,
      onProgress: () => undefined,
    });

    expect(summary.storedBytes).toBeGreaterThan(summary.sourceBytes);
    expect(summary.storedBytes).toBeLessThan(summary.sourceBytes * 1.01);
    expect(restored.files).toBeGreaterThan(900);
    const check = await engine.checkObjects({ store, ring, summary, signal, depth: 'all' });
    expect(check.damage).toEqual([]);
  });

  test('is smaller at a higher level', async () => {
    const cheap = await take({});
    const better = await take({ compression: { method: 'zstd', level: 9 } });

    expect(better.summary.storedBytes).toBeLessThan(cheap.summary.storedBytes * 0.95);
  });

  test('is written by as many workers as are allowed', async () => {
    const one = await take({ workers: 1 });
    const three = await take({ workers: 3 });

    expect(one.summary.packs).toBe(1);
    expect(three.summary.packs).toBe(3);
  });

  test('takes from the server no more than it may in the time, by our clock', async () => {
    const clock = steppingClock();
    const rate = 4_000_000;

    const { summary } = await take({ maxBytesPerSecond: rate }, clock);

    expect(clock.sleptMs()).toBeGreaterThan(0);
    const allowed = (rate / 1000) * (clock.elapsedMs() + 200);
    expect(summary.sourceBytes).toBeLessThan(allowed + 2 * READ_BYTES);
  });
});

/** What one read of the socket may bring beyond what is asked for. */
const READ_BYTES = 512 * 1024;

/** Its time passes only while somebody sleeps: at once, and exactly as long. */
function steppingClock(): Clock & { sleptMs(): number } {
  let nowMs = 0;
  return {
    now: () => systemClock.now(),
    elapsedMs: () => nowMs,
    sleptMs: () => nowMs,
    async sleep(durationMs, options) {
      // The watch over a silent server would let minutes pass.
      if (durationMs > 60_000) await systemClock.sleep(durationMs, options);
      await new Promise<void>((resolve) => setImmediate(resolve));
      options.signal.throwIfAborted();
      nowMs += durationMs;
    },
  };
}
