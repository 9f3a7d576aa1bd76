/** A server that is backed up and archived by the real rooms, for tests of proofs. */
import { join } from 'node:path';

import { type ArchivingServer, archivingLease, createLogBells } from '../../src/archiving/deps.ts';
import { archiveUntil } from '../../src/archiving/wait-for-wal.ts';
import { backupOperation } from '../../src/backup/backup-operation.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { connect } from '../../src/postgres/connect.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { testServerName } from './folder-archive.ts';
import type { TestPostgres } from './postgres-cluster.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { type TestRun, testRun } from './test-run.ts';
import { verificationSection } from './verification-section.ts';

export interface ProofSetting extends AsyncDisposable {
  /** The store's folder: for damage. */
  readonly storeFolder: string;
  readonly scratchFolder: string;
  readonly catalog: Catalog;
  /** For whoever archives it all the time. */
  readonly archiving: ArchivingServer;
  readonly deps: VerificationDeps;
  backUp(): Promise<void>;
  /** Everything the server has written so far is stored. */
  archive(): Promise<void>;
  /** With other means than its own: for faults. */
  verify(means?: VerificationDeps, run?: TestRun): Promise<VerifyResult>;
}

const NAME = testServerName('shop');

export interface ProofOptions {
  readonly maxAge?: string;
  readonly databases?: readonly [string, ...string[]];
  readonly verification?: Parameters<typeof verificationSection>[0];
}

export async function proofSetting(
  server: TestPostgres,
  { maxAge = 'PT24H', databases = ['postgres'], verification = {} }: ProofOptions = {},
): Promise<ProofSetting> {
  const folder = await temporaryFolder();
  const clock = systemClock;
  const catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock });
  const storeFolder = join(folder.path, 'store');
  const store = directoryStore(storeFolder);
  const ring = keyRing(new Map([['k1', Buffer.alloc(32, 7)]]));
  const url = server.url();
  const engine = streamingEngine({ connectionUrl: () => url, clock, workers: 2 });
  const stores = [{ name: 'here', store }];
  function storesOf(): typeof stores {
    return stores;
  }
  const servers = {
    shop: {
      url,
      databases,
      archiving: { tail_seconds: 1 },
      verification: verificationSection({ max_age: maxAge, ...verification }),
    },
  };
  // A test that hangs is ended by its own limit; several share a setting.
  const signal = AbortSignal.timeout(900_000);
  const archiving: ArchivingServer = {
    name: NAME,
    url,
    storeName: 'here',
    store,
    ring,
    tailSeconds: 1,
    bells: createLogBells(),
  };
  const scratchFolder = join(folder.path, 'scratch');
  const deps: VerificationDeps = {
    catalog,
    servers,
    untilStored: async ({ lsn, holder, signal: stop }) =>
      archiveUntil({
        server: archiving,
        lsn,
        deps: { catalog, clock, log: silentLog },
        holder: `${archivingLease(NAME)} ${holder}`,
        signal: stop,
      }),
    recovery: {
      engine,
      walArchive: walStore,
      ring,
      storesOf,
      servers: new Map([[NAME, { url }]]),
      catalog,
      findRun: async (runId) => catalog.runs.find(runId),
      programsFor: async () => server.programs,
      connect,
      scratch: { path: scratchFolder, keepSeconds: 7200, user: server.user },
      clock,
      log: silentLog,
    },
  };
  const backup = backupOperation({
    engine,
    storesOf,
    ring,
    catalog,
    clock,
    walArchive: walStore,
    servers,
  });
  const { actor } = testRun();
  return {
    storeFolder,
    scratchFolder,
    catalog,
    archiving,
    deps,
    async backUp() {
      const { plan } = await backup.prepare({}, { actor, signal });
      await backup.run(plan, testRun());
    },
    async archive() {
      const [row] = await server.query(
        `SELECT pg_logical_emit_message(true, 'test', 'x')::text AS lsn`,
      );
      const lsn = String(row?.['lsn']);
      const [shop] = storesOf();
      if (shop === undefined) throw new Error('There is a store');
      await deps.untilStored({ server: NAME, store: shop, lsn: toLsn(lsn), holder: 't', signal });
    },
    async verify(means = deps, run = testRun()) {
      const verify = verifyOperation(means);
      const { plan } = await verify.prepare({ older: false }, { actor, signal });
      return verify.run(plan, run);
    },
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
