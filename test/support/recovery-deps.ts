/** What recovery needs, for tests: a folder archive, a small catalogue in memory, real PostgreSQL. */
import type { InstanceRecord, WalProgressRecord } from '../../src/catalog/records.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { RunId, ServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { RecoveryDeps } from '../../src/recovery/deps.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { FolderArchive } from './folder-archive.ts';
import type { TestPostgres } from './postgres-cluster.ts';

export interface TestRecovery extends RecoveryDeps {
  readonly instances: Map<RunId, InstanceRecord>;
  /** What the receiver has told. */
  progress: WalProgressRecord | undefined;
}

export function testRecovery(
  server: TestPostgres,
  archive: FolderArchive,
  where: { readonly name: ServerName; readonly scratch: string },
): TestRecovery {
  const instances = new Map<RunId, InstanceRecord>();
  const deps: TestRecovery = {
    engine: archive.engine,
    walArchive: archive.walArchive,
    ring: NO_RING,
    storesOf: () => [{ name: 'here', store: NO_STORE }],
    servers: new Map([[where.name, { url: server.url() }]]),
    instances,
    progress: undefined,
    catalog: {
      walProgress: {
        record: async (row) => void (deps.progress = row),
        find: async () => deps.progress,
      },
      instances: {
        add: async (row) => void instances.set(row.runId, row),
        find: async (runId) => instances.get(runId),
        list: async () => [...instances.values()],
        extend: async (runId, expiresAt) => {
          const row = instances.get(runId);
          if (row !== undefined) instances.set(runId, { ...row, expiresAt });
        },
        remove: async (runId) => void instances.delete(runId),
      },
    },
    findRun: async () => undefined,
    programsFor: async () => server.programs,
    connect,
    scratch: { path: where.scratch, keepSeconds: 7200, user: server.user },
    clock: systemClock,
    log: silentLog,
  };
  return deps;
}

function unused(): never {
  throw new Error('The folder archive does not use this');
}

const NO_STORE: ObjectStore = {
  description: 'nothing',
  put: unused,
  open: unused,
  stat: unused,
  list: unused,
  remove: unused,
  census: unused,
  sweep: unused,
};

const NO_RING: KeyRing = {
  currentKeyId: 'none',
  keyIds: ['none'],
  wrap: unused,
  unwrap: unused,
  contentName: unused,
};
