/** What tests of recovery stand on: a real server, a folder archive of it, and the means to restore from there. */
import { join } from 'node:path';

import type { BackupSummary } from '../../src/engines/engine.ts';
import type { WalInventory } from '../../src/engines/wal-archive.ts';
import { chooseBase } from '../../src/recovery/choose-base.ts';
import type { WalPath } from '../../src/recovery/coverage.ts';
import type { NamedStore } from '../../src/recovery/deps.ts';
import type { Target } from '../../src/recovery/target.ts';
import { type FolderArchive, openFolderArchive, testServerName } from './folder-archive.ts';
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { type TestRecovery, testRecovery } from './recovery-deps.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const SHOP = testServerName('shop');

export interface RecoverySetting extends AsyncDisposable {
  /** Goes with it. */
  readonly folder: string;
  readonly server: TestPostgres;
  readonly archive: FolderArchive;
  readonly deps: TestRecovery;
}

export async function openRecoverySetting(): Promise<RecoverySetting> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const server = stack.use(await startPostgres());
  const archive = stack.use(await openFolderArchive(server, folder.path, SHOP));
  const deps = testRecovery(server, archive, { name: SHOP, scratch: join(folder.path, 'scratch') });
  const all = stack.move();
  const { path } = folder;
  return {
    folder: path,
    server,
    archive,
    deps,
    [Symbol.asyncDispose]: async () => all.disposeAsync(),
  };
}

type Means = Pick<TestRecovery, 'ring' | 'storesOf' | 'walArchive'>;

export function storeOf({ storesOf }: Pick<Means, 'storesOf'>): NamedStore {
  const [store] = storesOf(SHOP);
  if (store === undefined) throw new Error('There is no store');
  return store;
}

export async function inventoryOf(means: Means, base: BackupSummary): Promise<WalInventory> {
  const { major, systemId, segmentBytes } = base;
  return await means.walArchive.inventory({
    store: storeOf(means).store,
    ring: means.ring,
    signal: new AbortController().signal,
    folder: { server: SHOP, major, systemId },
    segmentBytes,
  });
}

/** As a plan chooses it. @throws Error when it would refuse */
export async function pathTo(target: Target, means: Means, base: BackupSummary): Promise<WalPath> {
  const inventories = new Map([[base.systemId, await inventoryOf(means, base)]]);
  const choice = chooseBase({ backups: [base], inventories, progress: undefined }, target);
  if (choice.outcome !== 'found') throw new Error(`No base: ${JSON.stringify(choice)}`);
  return choice.path;
}
