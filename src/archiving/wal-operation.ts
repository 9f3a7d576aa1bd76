/** The operation `wal`: what is stored of a server's log, what is missing, how far it is behind. */
import { z } from 'zod';

import type { BackupRecord } from '../catalog/records.ts';
import { joinInventories } from '../engines/joined-wal.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import type { Operation } from '../gate/operation.ts';
import type { Problem } from '../kernel/problem.ts';
import type { SlotState } from '../postgres/slots.ts';
import { type Base, holeRanges, readBase } from './coverage.ts';
import { type ArchivingOperationDeps, type ArchivingServer, requireServer } from './deps.ts';
import { LEFT_OUT_AFTER_MS } from './flush-limit.ts';
import { measureWal, type StoreMeasure, type WalMeasure } from './measure.ts';

const WalInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: the only one' }),
});
type WalInput = z.infer<typeof WalInput>;

const WalPlan = z.strictObject({ server: z.string() });
type WalPlan = z.infer<typeof WalPlan>;

const SlotReport = z.strictObject({
  name: z.string(),
  active: z.boolean(),
  walStatus: z.string().nullable(),
  restartLsn: z.string().nullable(),
  keptBytes: z.number().nullable(),
  safeBytes: z.number().nullable(),
  /** Until the server gives the slot up if nothing is stored from now on. Null: it has no limit. */
  headroomSeconds: z.number().nullable(),
});

const Unreachable = z
  .strictObject({ code: z.string(), message: z.string(), hint: z.string() })
  .nullable();

/** Runs of log without a hole. `from` and `to` are positions; `to` counts the tail. */
const Coverage = z.array(
  z.strictObject({ from: z.string(), to: z.string(), timeline: z.number() }),
);

/** What is missing between runs: segments that follow on each other are one hole. */
const Holes = z.array(
  z.strictObject({
    first: z.string(),
    last: z.string(),
    timeline: z.number(),
    from: z.string(),
    to: z.string(),
    segments: z.number(),
    bytes: z.number(),
  }),
);

/** How far each base backup can be brought, oldest first. */
const Bases = z.array(
  z.strictObject({
    backupId: z.string(),
    timeline: z.number(),
    from: z.string(),
    /** Null: not even the log that it needs itself is stored. */
    to: z.string().nullable(),
    /** `all`: up to what was stored last; `hole`: something is missing; `own`: no more was kept on purpose. */
    reaches: z.enum(['all', 'hole', 'own']),
  }),
);

const StoreReport = z.strictObject({
  store: z.string(),
  /** False: the slot no longer waits for it, and `rpoSeconds` above does not heed it. */
  counts: z.boolean(),
  /** Empty where the store does not answer. */
  coverage: Coverage,
  missing: z.array(z.string()),
  holes: Holes,
  /** Segments that are stored with two contents. */
  conflicts: z.array(z.string()),
  storedLsn: z.string().nullable(),
  lagBytes: z.number().nullable(),
  rpoSeconds: z.number().nullable(),
  /** Of the last moment whose changes are all known to be there. */
  ageSeconds: z.number().nullable(),
  unreachable: Unreachable,
});

export const WalReport = z.strictObject({
  server: z.string(),
  store: z.string(),
  systemId: z.string().nullable(),
  coverage: Coverage,
  bases: Bases,
  /** Names of segments that are missing between runs. */
  missing: z.array(z.string()),
  holes: Holes,
  segments: z.number(),
  storedBytes: z.number(),
  storedLsn: z.string().nullable(),
  serverLsn: z.string().nullable(),
  /** Null: the server does not answer. */
  lagBytes: z.number().nullable(),
  lagSeconds: z.number().nullable(),
  /** What would be lost if the server were gone this moment: the worst store's that counts. Null: unknown. */
  rpoSeconds: z.number().nullable(),
  /** The worst store's that counts. */
  ageSeconds: z.number().nullable(),
  /** What the server writes in a second. Null: it does not answer. */
  walPerSecondBytes: z.number().nullable(),
  /** Every store, the first one first. */
  stores: z.array(StoreReport),
  slot: SlotReport.nullable(),
  /** Why the server could not be asked. */
  unreachable: Unreachable,
});
type StoreReport = z.infer<typeof StoreReport>;
export type WalReport = z.infer<typeof WalReport>;

export function walOperation(
  deps: ArchivingOperationDeps,
): Operation<WalInput, WalPlan, WalReport> {
  return {
    name: 'wal',
    summary: 'Show how far the log is stored, and whether anything of it is missing',
    words: {
      positional: ['server'],
      describe: { server: 'which server; default: the only one' },
      examples: ['wal', 'wal shop'],
    },
    input: WalInput,
    plan: WalPlan,
    result: WalReport,
    prepare: async ({ server }) => ({
      plan: { server: requireServer(deps.servers, server).name },
    }),
    danger: () => 'none',
    locks: () => [],
    explain: ({ server }) => ({
      title: `Look at the stored WAL of ${server}`,
      facts: [['Server', server]],
      warnings: [],
      approveLabel: `Look at the WAL of ${server}`,
      command: `npx dbdr wal ${server}`,
    }),
    recheck: async ({ server }) => {
      requireServer(deps.servers, server);
    },
    run: async ({ server: name }, { signal }) => {
      const server = requireServer(deps.servers, name);
      const measure = await measureWal(server, deps, { signal });
      const backups = await deps.catalog.backups.list(server.name);
      return { ...report(server, measure), bases: basesOf(backups, measure, deps) };
    },
    // A hole is a result that is not good.
    exitCode: ({ missing, stores }) =>
      missing.length === 0 &&
      stores.every((store) => store.missing.length + store.conflicts.length === 0)
        ? 0
        : 1,
  };
}

/** The measure as a program reads it. Pure. */
function report(
  { name, storeName }: ArchivingServer,
  measure: WalMeasure,
): Omit<WalReport, 'bases'> {
  const { folder, inventory, slot, unreachable } = measure;
  const stores = measure.stores.map((one) => storeReport(one, measure));
  return {
    server: name,
    store: storeName,
    systemId: orNull(folder?.systemId),
    coverage: coverageOf(inventory),
    missing: [...inventory.missing],
    holes: holesOf(inventory, measure),
    segments: inventory.segments,
    storedBytes: inventory.storedBytes,
    storedLsn: orNull(measure.storedLsn),
    serverLsn: orNull(measure.serverLsn),
    lagBytes: orNull(measure.lagBytes),
    lagSeconds: orNull(measure.lagSeconds),
    rpoSeconds: worstOf(stores, ({ rpoSeconds }) => rpoSeconds),
    ageSeconds: worstOf(stores, ({ ageSeconds }) => ageSeconds),
    walPerSecondBytes: measure.walRate === undefined ? null : Math.round(measure.walRate),
    stores,
    slot: slot === undefined ? null : slotReport(slot, measure.walRate),
    unreachable: problemReport(unreachable),
  };
}

function storeReport(one: StoreMeasure, measure: WalMeasure): StoreReport {
  const [first] = measure.stores;
  const behind = (one.lagSeconds ?? Number.POSITIVE_INFINITY) - (first?.lagSeconds ?? 0);
  return {
    store: one.store,
    counts: one === first || behind < LEFT_OUT_AFTER_MS / 1000,
    coverage: one.inventory === undefined ? [] : coverageOf(one.inventory),
    missing: [...(one.inventory?.missing ?? [])],
    holes: one.inventory === undefined ? [] : holesOf(one.inventory, measure),
    conflicts: [...(one.inventory?.conflicts ?? [])],
    storedLsn: orNull(one.storedLsn),
    lagBytes: orNull(one.lagBytes),
    rpoSeconds: orNull(one.lagSeconds),
    ageSeconds: orNull(one.ageSeconds),
    unreachable: problemReport(one.unreachable),
  };
}

/** Null: of a store that counts nothing is known. */
function worstOf(
  stores: readonly StoreReport[],
  secondsOf: (store: StoreReport) => number | null,
): number | null {
  const counting = stores.filter(({ counts }) => counts).map(secondsOf);
  if (counting.includes(null)) return null;
  return Math.max(0, ...counting.map((seconds) => seconds ?? 0));
}

function holesOf({ missing }: WalInventory, { segmentBytes }: WalMeasure): StoreReport['holes'] {
  return holeRanges(missing, segmentBytes).map(({ fromLsn, toLsn, ...hole }) => ({
    ...hole,
    from: fromLsn,
    to: toLsn,
  }));
}

/** Of the cluster that was looked at; recovery may take each file from any store. */
function basesOf(
  backups: readonly BackupRecord[],
  { folder, stores, segmentBytes }: WalMeasure,
  { follow }: Pick<ArchivingOperationDeps, 'follow'>,
): WalReport['bases'] {
  const inventories = stores.flatMap(({ inventory }) => inventory ?? []);
  const joined = joinInventories(inventories, segmentBytes);
  const end = joined.runs.at(-1);
  const bases = new Map<string, Base>();
  for (const { backupId, summary } of backups) {
    const base = readBase(summary);
    if (base !== undefined && base.systemId === folder?.systemId) bases.set(backupId, base);
  }
  return [...bases.values()].map((base) => {
    const { backupId, timeline, beginLsn: from } = base;
    const reach = follow(base, joined);
    const isAll = reach?.timeline === end?.timeline && reach?.toLsn === end?.toLsn;
    const reaches = reach?.thinned === true ? 'own' : isAll ? 'all' : 'hole';
    return { backupId, timeline, from, to: orNull(reach?.toLsn), reaches };
  });
}

function coverageOf({ runs }: WalInventory): StoreReport['coverage'] {
  return runs.map(({ fromLsn, toLsn, timeline }) => ({ from: fromLsn, to: toLsn, timeline }));
}

function problemReport(problem: Problem | undefined): StoreReport['unreachable'] {
  if (problem === undefined) return null;
  return { code: problem.kind.code, message: problem.message, hint: problem.hint };
}

function slotReport(slot: SlotState, rate: number | undefined): WalReport['slot'] {
  const { safeBytes } = slot;
  const isKnown = safeBytes !== undefined && rate !== undefined && rate > 0;
  return {
    name: slot.name,
    active: slot.active,
    walStatus: orNull(slot.walStatus),
    restartLsn: orNull(slot.restartLsn),
    keptBytes: orNull(slot.keptBytes),
    safeBytes: orNull(safeBytes),
    headroomSeconds: isKnown ? Math.max(0, Math.round(safeBytes / rate)) : null,
  };
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}
