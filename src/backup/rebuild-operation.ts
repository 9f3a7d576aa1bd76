/**
 * The operation `rebuild`: makes the catalogue's list of backups again from the stores alone, and tells
 * what of the log is there. What a store no longer has is struck from the list; verdicts of proofs
 * stay where they are remembered, and are gone where the catalogue was lost.
 */
import { z } from 'zod';

import { takeOverStore } from '../archiving/store-guard.ts';
import type { BackupSummary } from '../engines/engine.ts';
import type { Operation } from '../gate/operation.ts';
import type { ServerName } from '../kernel/ids.ts';
import { allStores, type BackupDeps, requireStore, serverNames } from './deps.ts';

const TAKE_OVER = 'from now on this installation writes there: the one before is gone or stopped';

const RebuildInput = z.strictObject({
  store: z.string().optional().meta({ description: 'which store; default: all of them' }),
  takeOver: z.boolean().optional().meta({ description: TAKE_OVER }),
});
type RebuildInput = z.infer<typeof RebuildInput>;

const RebuildPlan = z.strictObject({ stores: z.array(z.string()), takeOver: z.boolean() });
type RebuildPlan = z.infer<typeof RebuildPlan>;

const ServerReport = z.strictObject({
  store: z.string(),
  server: z.string(),
  backups: z.array(z.string()),
  /** Struck from the catalogue: the store does not have them. */
  gone: z.array(z.string()),
  unreadable: z.array(z.strictObject({ key: z.string(), reason: z.string() })),
  coverage: z.array(
    z.strictObject({
      systemId: z.string(),
      timeline: z.number(),
      from: z.string(),
      to: z.string(),
    }),
  ),
  /** Names of WAL segments that are missing between runs. */
  missing: z.array(z.string()),
});
type ServerReport = z.infer<typeof ServerReport>;

export const RebuildReport = z.strictObject({ servers: z.array(ServerReport) });
export type RebuildReport = z.infer<typeof RebuildReport>;

export function rebuildOperation(
  deps: BackupDeps,
): Operation<RebuildInput, RebuildPlan, RebuildReport> {
  return {
    name: 'rebuild',
    summary: 'Make the list of backups again from the stores alone',
    words: {
      positional: [],
      describe: { store: 'which store; default: all of them', takeOver: TAKE_OVER },
      examples: ['rebuild', 'rebuild --store here', 'rebuild --take-over'],
    },
    input: RebuildInput,
    plan: RebuildPlan,
    result: RebuildReport,
    prepare: async ({ store, takeOver = false }) => {
      if (store !== undefined) requireStore(deps, store);
      const stores = store === undefined ? [...allStores(deps).keys()] : [store];
      return { plan: { stores, takeOver } };
    },
    danger: ({ takeOver }) => (takeOver ? 'low' : 'none'),
    locks: () => [],
    explain: ({ stores, takeOver }) => ({
      title: `Make the catalogue again from ${stores.join(', ')}`,
      facts: [
        ['Reads', `the manifests and names in ${stores.join(', ')}`],
        [
          'Writes',
          `the list of backups in the catalogue; the stores are ${takeOver ? 'claimed for this installation' : 'only read'}`,
        ],
      ],
      warnings: takeOver ? ['Another installation that still writes there will be refused.'] : [],
      approveLabel: 'Make the catalogue again',
      command: `npx dbdr rebuild${stores.length === 1 ? ` --store ${stores[0] ?? ''}` : ''}${takeOver ? ' --take-over' : ''}`,
    }),
    recheck: async ({ stores }) => {
      for (const store of stores) requireStore(deps, store);
    },
    run: async ({ stores, takeOver: isTakeOver }, { signal }) => {
      const servers: ServerReport[] = [];
      for (const server of serverNames(deps)) {
        for (const { name } of deps.storesOf(server)) {
          if (!stores.includes(name)) continue;
          servers.push(await rebuildServer(deps, { server, store: name }, signal));
          const store = requireStore(deps, name);
          if (isTakeOver)
            await takeOverStore({ name: server, storeName: name, store }, deps, { signal });
        }
      }
      return { servers };
    },
    exitCode: ({ servers }) =>
      servers.some(({ unreadable, missing }) => unreadable.length > 0 || missing.length > 0)
        ? 1
        : 0,
  };
}

interface Where {
  readonly server: ServerName;
  readonly store: string;
}

async function rebuildServer(
  deps: BackupDeps,
  { server, store: storeName }: Where,
  signal: AbortSignal,
): Promise<ServerReport> {
  const access = { store: requireStore(deps, storeName), ring: deps.ring, signal };
  // Before the store is listed: a backup that is committed meanwhile must not be struck.
  const remembered = await deps.catalog.backups.list(server);
  const { backups, unreadable } = await deps.engine.listBackups({ ...access, server });
  for (const summary of backups)
    await deps.catalog.backups.record({
      server,
      backupId: summary.backupId,
      store: storeName,
      summary: { ...summary },
    });
  const gone: string[] = [];
  for (const row of remembered) {
    if (row.store !== storeName) continue;
    if (backups.some(({ backupId }) => backupId === row.backupId)) continue;
    // One that cannot be read is not gone.
    if (unreadable.some(({ key }) => key.includes(`/${row.backupId}/`))) continue;
    await deps.catalog.backups.remove(server, row.backupId, storeName);
    gone.push(row.backupId);
  }
  return {
    store: storeName,
    server,
    backups: backups.map(({ backupId }) => backupId),
    gone,
    unreadable: unreadable.map(({ key, reason }) => ({ key, reason })),
    ...(await walOf(deps, { access, backups })),
  };
}

async function walOf(
  { walArchive }: BackupDeps,
  {
    access,
    backups,
  }: {
    readonly access: Omit<
      Parameters<BackupDeps['walArchive']['inventory']>[0],
      'folder' | 'segmentBytes'
    >;
    readonly backups: readonly BackupSummary[];
  },
): Promise<Pick<ServerReport, 'coverage' | 'missing'>> {
  const coverage: ServerReport['coverage'] = [];
  const missing: string[] = [];
  const clusters = new Map(backups.map((summary) => [summary.systemId, summary]));
  for (const { server, major, systemId, segmentBytes } of clusters.values()) {
    const folder = { server, major, systemId };
    const inventory = await walArchive.inventory({ ...access, folder, segmentBytes });
    for (const { timeline, fromLsn, toLsn } of inventory.runs)
      coverage.push({ systemId, timeline, from: fromLsn, to: toLsn });
    missing.push(...inventory.missing);
  }
  return { coverage, missing };
}
