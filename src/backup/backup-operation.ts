/**
 * The operation `backup`: takes a base backup now. The order protects: the slot is there before the
 * first byte is read, packs are claimed before they are written, the manifest is put last, and the
 * run is done only when the log that belongs to the copy is stored and the packs were read back.
 */
import { z } from 'zod';

import { type ArchivingDeps, type ArchivingServer, archivingLease } from '../archiving/deps.ts';
import { LOG_HOLE, prepareSlot } from '../archiving/prepare-slot.ts';
import { guardStore } from '../archiving/store-guard.ts';
import { archiveUntil } from '../archiving/wait-for-wal.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { ownLogEnd } from '../engines/own-log.ts';
import type { Explanation, Operation, Run } from '../gate/operation.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Lsn } from '../kernel/lsn.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { type Copied, type Copying, copyFiles } from './copy-files.ts';
import { type BackupDeps, type NamedStore, requireServer } from './deps.ts';
import { tellOtherClusters } from './other-clusters.ts';
import { waitForOwnLog } from './own-log.ts';
import { PLAN_OUTDATED, WAL_INCOMPLETE } from './problems.ts';
import { ProofPointTold } from './proof-point.ts';
import { damagedPlaces, reportDamage } from './report-damage.ts';

/** A terabyte at 100 MB/s takes three hours. */
const DEADLINE_MS = 24 * 3600 * 1000;

const BackupInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: the only one' }),
});
type BackupInput = z.infer<typeof BackupInput>;

const BackupPlan = z.strictObject({ server: z.string(), store: z.string() });
type BackupPlan = z.infer<typeof BackupPlan>;

const BackupResult = z.strictObject({
  backupId: z.string(),
  server: z.string(),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: z.number(),
  storedBytes: z.number(),
  files: z.number(),
  packs: z.number(),
  beginLsn: z.string(),
  endLsn: z.string(),
  /** Those that have it now. */
  stores: z.array(z.string()),
  /** Those that get their copy from the first, by themselves. */
  due: z.array(z.string()),
  /** Files whose page checksums PostgreSQL reported as wrong on the server itself. */
  damagedFiles: z.array(z.string()),
  /** The same, with the blocks that PostgreSQL named. */
  damagedPlaces: z.array(z.string()),
  /** What belongs to the server and is not in the backup; null: our role may not see. */
  leftOut: z.array(z.string()).nullable(),
  /** What reading back found wrong in the store. */
  damage: z.array(z.string()),
  ...ProofPointTold.shape,
  /** What else is there that whoever takes a backup should know. */
  warnings: z.array(z.string()),
});
type BackupResult = z.infer<typeof BackupResult>;

export function backupOperation(
  deps: BackupDeps,
): Operation<BackupInput, BackupPlan, BackupResult> {
  return {
    name: 'backup',
    summary: 'Take a base backup now',
    words: {
      positional: ['server'],
      describe: { server: 'which server; default: the only one' },
      examples: ['backup', 'backup shop'],
    },
    input: BackupInput,
    plan: BackupPlan,
    result: BackupResult,
    prepare: async ({ server }) => {
      const { name } = requireServer(deps, server);
      return { plan: { server: name, store: firstStore(deps, name).name } };
    },
    danger: () => 'low',
    locks: ({ server }) => [`backup:${server}`],
    explain,
    recheck: async (plan) => {
      place(deps, plan);
    },
    run: async (plan, run) => await takeBackup(deps, plan, run),
    exitCode: ({ damagedFiles, damage }) =>
      damagedFiles.length === 0 && damage.length === 0 ? 0 : 1,
    deadlineMs: DEADLINE_MS,
  };
}

function explain({ server, store }: BackupPlan): Explanation {
  return {
    title: `Back up ${server}`,
    facts: [
      ['Server', server],
      ['Reads', 'every file of the cluster, over one replication connection'],
      ['Counts', 'its largest tables in one snapshot, for the proof point, unless that is off'],
      ['Writes', `compressed and encrypted, to the store ${store}`],
      ['Danger', 'low: production is only read'],
    ],
    warnings: [],
    approveLabel: `Back up ${server}`,
    command: `npx dbdr backup ${server}`,
  };
}

interface Place {
  readonly server: ServerName;
  readonly store: NamedStore;
  readonly archiving: Omit<ArchivingServer, 'ring'>;
}

/** @throws Problem BACKUP_SERVER_UNKNOWN, BACKUP_PLAN_OUTDATED */
function place(deps: BackupDeps, plan: BackupPlan): Place {
  const { name, server } = requireServer(deps, plan.server);
  const store = firstStore(deps, name);
  if (store.name !== plan.store)
    throw new Problem(
      PLAN_OUTDATED,
      `Cannot back up "${name}" to the store "${plan.store}": its first store is now "${store.name}"`,
    );
  const archiving = {
    name,
    url: server.url,
    storeName: store.name,
    store: store.store,
    otherStores: deps.storesOf(name).slice(1),
    tailSeconds: server.archiving.tail_seconds,
    allowUnboundedSlot: server.archiving.allow_unbounded_slot,
  };
  return { server: name, store, archiving };
}

function firstStore(deps: BackupDeps, server: ServerName): NamedStore {
  const [first] = deps.storesOf(server);
  if (first === undefined)
    throw new Problem(PLAN_OUTDATED, `Cannot back up "${server}": it has no store`);
  return first;
}

async function takeBackup(deps: BackupDeps, plan: BackupPlan, run: Run): Promise<BackupResult> {
  const { server, store, archiving } = place(deps, plan);
  const archivingServer: ArchivingServer = { ...archiving, ring: deps.ring };
  const archivingDeps: ArchivingDeps = { catalog: deps.catalog, clock: deps.clock, log: run.log };

  await run.step('Make the server keep its log', async ({ signal }) => {
    // Before anything is written, on the server or in the store.
    await guardStore(archivingServer, archivingDeps, { signal });
    await prepareSlot(archivingServer, archivingDeps, { signal });
  });
  async function untilStored(lsn: Lsn, options: { readonly signal: AbortSignal }): Promise<void> {
    const holder = `${archivingLease(server)} ${run.id}`;
    await archiveUntil({ ...options, server: archivingServer, deps: archivingDeps, lsn, holder });
  }
  const copied = await copyFiles(deps, { server, store, untilStored }, run);
  try {
    return await finish(deps, { untilStored, store, ...copied }, run);
  } catch (error) {
    throw sayKept(error, copied.summary, run.signal);
  }
}

interface Finishing extends Copied, Pick<Copying, 'store' | 'untilStored'> {}

async function finish(
  deps: BackupDeps,
  { untilStored, store, summary, told, warnings }: Finishing,
  run: Run,
): Promise<BackupResult> {
  const { server } = summary;
  await run.step('Wait until its WAL is stored', async (step) => {
    step.progress({ note: `up to ${ownLogEnd(summary)}` });
    await requireOwnLog(deps, { store, summary, untilStored }, step.signal);
    await deps.catalog.findings.close(LOG_HOLE, server);
  });
  const { damage } = await run.step('Read every pack back', async ({ signal }) =>
    deps.engine.checkObjects({
      store: store.store,
      ring: deps.ring,
      summary,
      depth: 'first frame',
      signal,
    }),
  );
  await reportDamage(deps, { summary, store: store.name, damage }, run);
  const others = await tellOtherClusters(deps, summary, { store, signal: run.signal });
  const result = resultOf(summary, await whereItIs(deps, summary), damage);
  return { ...result, ...told, warnings: [...warnings, ...others] };
}

/** Whoever stops it now has a backup more, though perhaps one whose log is not whole: they must know. */
function sayKept(
  error: unknown,
  { backupId }: BackupSummary,
  { aborted, reason }: AbortSignal,
): unknown {
  if (!aborted || !isProblem(reason)) return error;
  const message = `${reason.message}; backup ${backupId} is in the store and stays`;
  const hint = `See with \`backups\` whether all its log is stored; else take another with \`backup\`.`;
  return new Problem(reason.kind, message, { facts: { backupId }, hint, cause: reason });
}

/** @throws Problem BACKUP_WAL_INCOMPLETE */
async function requireOwnLog(
  deps: BackupDeps,
  {
    store: { name, store },
    summary,
    untilStored,
  }: Pick<Finishing, 'store' | 'summary' | 'untilStored'>,
  signal: AbortSignal,
): Promise<void> {
  if (await waitForOwnLog(deps, { store, backup: summary, untilStored, signal })) return;
  const { backupId, beginLsn } = summary;
  const endLsn = ownLogEnd(summary);
  throw new Problem(
    WAL_INCOMPLETE,
    `Cannot call backup ${backupId} whole: the store "${name}" lacks WAL between ${beginLsn} and ${endLsn}`,
    { facts: { backupId, beginLsn, endLsn } },
  );
}

/** Copies are made by whoever mirrors, and may be there already when the backup is done. */
async function whereItIs(
  { catalog, storesOf }: BackupDeps,
  { server, backupId }: BackupSummary,
): Promise<Pick<BackupResult, 'stores' | 'due'>> {
  const rows = await catalog.backups.list(server);
  const there = new Set(rows.flatMap((row) => (row.backupId === backupId ? [row.store] : [])));
  const names = storesOf(server).map(({ name }) => name);
  const [first, ...others] = names;
  return {
    stores: names.filter((name) => name === first || there.has(name)),
    due: others.filter((name) => !there.has(name)),
  };
}

function resultOf(
  summary: BackupSummary,
  where: Pick<BackupResult, 'stores' | 'due'>,
  damage: readonly string[],
): Omit<BackupResult, 'warnings' | keyof ProofPointTold> {
  const { backupId, server, beganAt, endedAt, sourceBytes, storedBytes } = summary;
  const { files, packs, beginLsn, endLsn, damagedFiles } = summary;
  return {
    backupId,
    server,
    beganAt,
    endedAt,
    sourceBytes,
    storedBytes,
    files,
    packs,
    beginLsn,
    endLsn,
    ...where,
    damagedFiles: [...damagedFiles],
    damagedPlaces: [...damagedPlaces(summary)],
    leftOut: summary.leftOut === undefined ? null : [...summary.leftOut],
    damage: [...damage],
  };
}
