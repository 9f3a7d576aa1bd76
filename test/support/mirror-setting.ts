/** A server that is archived, backed up and copied to a second store by the real rooms. */
import { join } from 'node:path';

import type { ArchivingServer } from '../../src/archiving/deps.ts';
import { archivingService } from '../../src/archiving/services.ts';
import { backupOperation } from '../../src/backup/backup-operation.ts';
import type { BackupDeps } from '../../src/backup/deps.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { compareLsn, isLsn, type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import type { Service } from '../../src/kernel/service.ts';
import type { MirroringDeps, NamedStore, Route } from '../../src/mirroring/deps.ts';
import { MirrorFeed } from '../../src/mirroring/feed.ts';
import { mirrorService } from '../../src/mirroring/services.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type AbsentStore, absentStore } from './absent-store.ts';
import { testServerName } from './folder-archive.ts';
import type { TestPostgres } from './postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';
import { testRun } from './test-run.ts';
import { waitUntil } from './wait-until.ts';

export interface MirrorSetting extends AsyncDisposable {
  /** Holds `here`, `west`, `keys` and `catalog`. */
  readonly folder: string;
  readonly catalog: Catalog;
  readonly here: AbsentStore;
  readonly west: AbsentStore;
  readonly route: Route;
  readonly archived: ArchivingServer;
  readonly backup: BackupDeps;
  readonly mirroring: MirroringDeps;
  /** Archives and copies until it is disposed. */
  start(services?: 'both' | 'archiving' | 'mirror'): Running;
  backUp(): Promise<string>;
  /** Answers where the log ends after something was written. */
  write(): Promise<Lsn>;
  /** Until the row of that store says that it has the log up to there. */
  untilStored(store: 'here' | 'west', lsn: Lsn): Promise<void>;
  keys(store: ObjectStore, part: 'base' | 'wal' | 'tail'): Promise<readonly string[]>;
  findings(): Promise<readonly string[]>;
  /** As after `stores: [west, here]`: the same stores and catalogue, taken by a process that begins. */
  readonly swapped: () => MirrorSetting;
}

export interface Running extends AsyncDisposable {
  /** Rejects as soon as one of them does. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export interface MirrorOptions {
  /** The second store; default: a folder. */
  readonly west?: ObjectStore;
}

export async function mirrorSetting(
  server: TestPostgres,
  options: MirrorOptions = {},
): Promise<MirrorSetting> {
  const folder = await temporaryFolder();
  const clock = systemClock;
  const catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock });
  const here = absentStore(directoryStore(join(folder.path, 'here')));
  const west = absentStore(options.west ?? directoryStore(join(folder.path, 'west')));
  await createKeyFile(join(folder.path, 'keys'));
  const ring = await openFileKeyRing(join(folder.path, 'keys'));
  const common = { folder, catalog, here, west, ring, server };
  return settingOf(common, { name: 'here', store: here }, { name: 'west', store: west });
}

interface Common {
  readonly folder: TemporaryFolder;
  readonly catalog: Catalog;
  readonly here: AbsentStore;
  readonly west: AbsentStore;
  readonly ring: KeyRing;
  readonly server: TestPostgres;
}

function settingOf(common: Common, first: NamedStore, second: NamedStore): MirrorSetting {
  const { folder, catalog, here, west, ring, server } = common;
  const clock = systemClock;
  const name = testServerName('shop');
  const url = server.url();
  const engine = streamingEngine({
    connectionUrl: () => url,
    clock,
    workers: 2,
    packBytesMax: 1 << 20,
  });
  const feed = new MirrorFeed();
  const log = silentLog;
  const mirroring: MirroringDeps = {
    mirrored: [{ name, first, others: [second] }],
    ring,
    engine,
    catalog,
    feed,
    clock,
    log,
  };
  const archived: ArchivingServer = {
    name,
    url,
    storeName: first.name,
    store: first.store,
    otherStores: [second],
    ring,
    tailSeconds: 0.1,
  };
  const backup: BackupDeps = {
    engine,
    storesOf: () => [first, second],
    ring,
    catalog,
    clock,
    walArchive: walStore,
    servers: { shop: { url, archiving: { tail_seconds: 1 } } },
  };
  const route = { server: name, source: first, target: second };
  const signal = AbortSignal.timeout(170_000);
  return {
    folder: folder.path,
    catalog,
    here,
    west,
    route,
    archived,
    backup,
    mirroring,
    swapped: () => settingOf(common, second, first),
    start(services = 'both') {
      const archiving = archivingService(archived, { catalog, clock, log, listener: feed });
      const mirror = mirrorService(route, mirroring);
      const chosen = { both: [archiving, mirror], archiving: [archiving], mirror: [mirror] };
      return running(chosen[services], catalog);
    },
    async backUp() {
      const operation = backupOperation(backup);
      const run = testRun();
      const { plan } = await operation.prepare({}, { actor: run.actor, signal });
      return (await operation.run(plan, run)).backupId;
    },
    async write() {
      await server.query(
        'INSERT INTO load SELECT i, repeat(md5(random()::text), 8) FROM generate_series(1, 3000) AS i',
      );
      const [row] = await server.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
      return toLsn(String(row?.['lsn']));
    },
    async untilStored(store, lsn) {
      await waitUntil(async () => {
        const stored = (await catalog.walProgress.find(name, store))?.storedLsn ?? '';
        return isLsn(stored) && compareLsn(stored, lsn) >= 0;
      }, 60_000);
    },
    async keys(store, part) {
      const keys: string[] = [];
      for await (const { key } of store.list('shop/', { signal }))
        if (key.split('/')[2] === part) keys.push(key);
      return keys;
    },
    async findings() {
      const found = await catalog.findings.list('shop');
      return found.map((one) => JSON.stringify(one).replace(/^.*"code":"(\w+)".*$/s, '$1'));
    },
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** With the leases that the supervisor would hold. */
function running(services: readonly Service[], { leases }: Catalog): Running {
  const stopping = new AbortController();
  const holder = 'the supervisor';
  const works = services.map(async (service) => {
    const { lease } = service;
    const [until, now] = ['2099-01-01T00:00:00.000000Z', '2026-11-24T12:00:00.000000Z'];
    if (lease !== undefined) await leases.take(lease, holder, until, now);
    try {
      await service.run({ signal: stopping.signal, ready: () => undefined });
    } finally {
      if (lease !== undefined) await leases.release(lease, holder);
    }
  });
  const ended = Promise.all(works);
  ended.catch(() => undefined);
  async function stop(): Promise<void> {
    stopping.abort(new Error('The test stops it'));
    await Promise.allSettled(works);
    await ended;
  }
  return {
    ended,
    stop,
    // What a test did to the server may have ended it before.
    [Symbol.asyncDispose]: async () => stop().catch(() => undefined),
  };
}
