/**
 * A server that is archived by the real service into a store that can go away, for bad days: a service
 * that fails is started again at once, as the supervisor would after its wait.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import {
  type ArchivingOperationDeps,
  type ArchivingServer,
  archivingLease,
} from '../../src/archiving/deps.ts';
import { archivingService } from '../../src/archiving/services.ts';
import { walOperation } from '../../src/archiving/wal-operation.ts';
import type { WalReport } from '../../src/archiving/wal-report.ts';
import { coverageService } from '../../src/archiving/watch-coverage.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { readStoredSegment, walStore } from '../../src/engines/streaming/wal-store.ts';
import type { WalInventory } from '../../src/engines/wal-archive.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import {
  compareLsn,
  isLsn,
  type Lsn,
  lsnBytes,
  lsnFromBytes,
  toLsn,
} from '../../src/kernel/lsn.ts';
import {
  isSegmentName,
  type SegmentName,
  segmentBegin,
  segmentNameAt,
  segmentPlace,
} from '../../src/kernel/wal-name.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type AbsentStore, absentStore } from './absent-store.ts';
import { testServerName } from './folder-archive.ts';
import type { TestPostgres } from './postgres-cluster.ts';
import { SEGMENT_BYTES } from './small-segments.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { testRun } from './test-run.ts';
import { waitUntil } from './wait-until.ts';

export interface ArchivedServer extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly store: AbsentStore;
  readonly server: ArchivingServer;
  /** Archives until it is stopped. */
  start(): Running;
  /** Looks for holes once, at everything. */
  lookForHoles(): Promise<void>;
  /** Of this code; undefined: none is open. */
  finding(code: string): Promise<Finding | undefined>;
  untilStored(lsn: Lsn): Promise<void>;
  inventory(): Promise<WalInventory>;
  wal(): Promise<WalReport>;
  /** Of the terminal, for such an answer of `wal`. */
  walExitCode(report: WalReport): number | undefined;
  /** Writes into the catalogue that a backup has begun there. */
  recordBase(beginLsn: Lsn, timeline?: number): Promise<void>;
  /** Names of segments that are stored with other bytes than those, as far as `end`. */
  differing(files: ReadonlyMap<string, Buffer>, end: Lsn): Promise<readonly string[]>;
}

const Finding = z.object({
  code: z.string(),
  severity: z.string(),
  summary: z.string(),
  hint: z.string(),
});
type Finding = z.infer<typeof Finding>;

interface Running extends AsyncDisposable {
  stop(): Promise<void>;
}

interface ArchivedServerOptions {
  /** Default: the server's own. */
  readonly url?: string;
  readonly store?: ObjectStore;
  /** Nobody copies to them. Default: none. */
  readonly otherStores?: ArchivingServer['otherStores'];
  readonly clock?: Clock;
  /** Default: 0.05. */
  readonly tailSeconds?: number;
}

const { signal } = new AbortController();

export async function archivedServer(
  postgres: TestPostgres,
  options: ArchivedServerOptions = {},
): Promise<ArchivedServer> {
  const { clock = systemClock } = options;
  const scratch = await temporaryFolder();
  const catalog = await openSqliteCatalog({ path: join(scratch.path, 'catalog'), clock });
  const store = absentStore(options.store ?? memoryStore());
  const server: ArchivingServer = {
    name: testServerName('shop'),
    url: options.url ?? postgres.url(),
    storeName: 'here',
    store,
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: options.tailSeconds ?? 0.05,
    otherStores: options.otherStores,
  };
  const deps: ArchivingOperationDeps = {
    catalog,
    clock,
    log: silentLog,
    servers: [server],
    archive: walStore,
    follow: followWal,
  };
  async function place() {
    const { systemId = '' } = (await catalog.walProgress.find('shop', 'here')) ?? {};
    const folder = { server: server.name, major: 15, systemId };
    return { store, ring: server.ring, folder, segmentBytes: SEGMENT_BYTES, signal };
  }
  return {
    catalog,
    store,
    server,
    start: () => keepArchiving(server, deps),
    async lookForHoles() {
      const stopping = new AbortController();
      const hasty: Clock = { ...clock, sleep: (ms, call) => clock.sleep(Math.min(ms, 20), call) };
      await coverageService(server, { ...deps, clock: hasty }).run({
        signal: stopping.signal,
        ready: () => stopping.abort(),
      });
    },
    async finding(code) {
      const rows = await catalog.findings.list('shop');
      return rows
        .flatMap((row) => Finding.safeParse(row).data ?? [])
        .find((row) => row.code === code);
    },
    async untilStored(lsn) {
      await waitUntil(async () => {
        const stored = (await catalog.walProgress.find('shop', 'here'))?.storedLsn ?? '';
        return isLsn(stored) && compareLsn(stored, lsn) >= 0;
      }, 30_000);
    },
    inventory: async () => walStore.inventory(await place()),
    async wal() {
      const operation = walOperation(deps);
      const run = testRun();
      const { plan } = await operation.prepare({}, { actor: run.actor, signal });
      return await operation.run(plan, run);
    },
    walExitCode: (report) => walOperation(deps).exitCode?.(report),
    async recordBase(beginLsn, timeline = 1) {
      const { folder } = await place();
      const backupId = backupIdAt(clock.now());
      const at = clock.now().toString();
      const ends = { beginLsn, endLsn: beginLsn, endedAt: at };
      const { systemId, major } = folder;
      const summary = { backupId, systemId, major, timeline, segmentBytes: SEGMENT_BYTES, ...ends };
      await catalog.backups.record({ server: 'shop', backupId, store: 'here', summary });
    },
    async differing(files, end) {
      const wrong: string[] = [];
      for (const [name, bytes] of files) {
        if (!isSegmentName(name)) continue;
        const begin = lsnBytes(segmentPlace(name, SEGMENT_BYTES).beginLsn);
        const used = Math.min(SEGMENT_BYTES, Number(lsnBytes(end) - begin));
        if (used <= 0) continue;
        const stored = await readStoredSegment(await place(), name);
        if (stored?.subarray(0, used).equals(bytes.subarray(0, used)) !== true) wrong.push(name);
      }
      return wrong;
    },
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

const AGAIN_MS = 50;

function keepArchiving(server: ArchivingServer, deps: ArchivingOperationDeps): Running {
  const stopping = new AbortController();
  async function keep(): Promise<void> {
    await deps.catalog.leases.take(archivingLease(server.name), 'a test', FAR, '2026-01-01');
    while (!stopping.signal.aborted) {
      await archivingService(server, deps)
        .run({ signal: stopping.signal, ready: () => undefined })
        .catch(() => undefined);
      await systemClock.sleep(AGAIN_MS, { signal: stopping.signal }).catch(() => undefined);
    }
    await deps.catalog.leases.release(archivingLease(server.name), 'a test');
  }
  const ended = keep();
  async function stop(): Promise<void> {
    stopping.abort();
    await ended;
  }
  return { stop, [Symbol.asyncDispose]: stop };
}

const FAR = '2099-01-01T00:00:00.000000Z';

/** About two megabytes of log; answers where it ends. */
export async function writeLog(postgres: TestPostgres, rows = 6000): Promise<Lsn> {
  await postgres.query('CREATE TABLE IF NOT EXISTS load (i int, text text)');
  await postgres.query(
    `INSERT INTO load SELECT i, repeat(md5(random()::text), 8) FROM generate_series(1, ${rows}) AS i`,
  );
  return await currentLsn(postgres);
}

export async function currentLsn(postgres: TestPostgres): Promise<Lsn> {
  const [row] = await postgres.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

/** Every whole segment file that the server has at this moment, from a position on. */
export async function logFiles(
  postgres: TestPostgres,
  from: Lsn,
): Promise<ReadonlyMap<string, Buffer>> {
  const folder = join(postgres.dataDirectory, 'pg_wal');
  const files = new Map<string, Buffer>();
  for (const name of await readdir(folder)) {
    if (!isSegmentName(name)) continue;
    if (compareLsn(segmentPlace(name, SEGMENT_BYTES).beginLsn, from) < 0) continue;
    files.set(name, await readFile(join(folder, name)));
  }
  return files;
}

/** A base at the beginning, some log, and the service stopped in order. */
export async function archiveFor(
  postgres: TestPostgres,
  archived: ArchivedServer,
  rounds: number,
): Promise<{ readonly stored: Lsn }> {
  await using running = archived.start();
  await archived.untilStored(await writeLog(postgres));
  await archived.recordBase(await currentLsn(postgres));
  for (let i = 0; i < rounds; i++) await writeLog(postgres);
  await archived.untilStored(await currentLsn(postgres));
  await running.stop();
  const row = await archived.catalog.walProgress.find('shop', 'here');
  return { stored: toLsn(row?.storedLsn ?? '0/0') };
}

/** Takes the last segment but one away from the store. */
export async function loseSegment(
  { store }: ArchivedServer,
  stored: Lsn,
): Promise<{ readonly first: Lsn; readonly name: SegmentName }> {
  const first = segmentBegin(
    lsnFromBytes(lsnBytes(stored) - BigInt(2 * SEGMENT_BYTES)),
    SEGMENT_BYTES,
  );
  const name = segmentNameAt(1, first, SEGMENT_BYTES);
  for await (const { key } of store.list('shop/', { signal }))
    if (key.includes(`/wal/00000001/${name}-`)) await store.remove(key, { signal });
  return { first, name };
}

/** Backups are named after the second they begin in. */
export async function nextSecond(): Promise<void> {
  const second = Math.floor(systemClock.now().epochMilliseconds / 1000);
  await waitUntil(() => Math.floor(systemClock.now().epochMilliseconds / 1000) > second);
}
