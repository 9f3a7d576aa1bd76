/** The operation `wal`: what is stored of a server's log, what is missing, how far it is behind. */
import { z } from 'zod';

import type { WalInventory } from '../engines/wal-archive.ts';
import type { Operation } from '../gate/operation.ts';
import type { Problem } from '../kernel/problem.ts';
import type { SlotState } from '../postgres/slots.ts';
import { type ArchivingOperationDeps, requireServer } from './deps.ts';
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
});

const Unreachable = z
  .strictObject({ code: z.string(), message: z.string(), hint: z.string() })
  .nullable();

/** Runs of log without a hole. `from` and `to` are positions; `to` counts the tail. */
const Coverage = z.array(
  z.strictObject({ from: z.string(), to: z.string(), timeline: z.number() }),
);

const StoreReport = z.strictObject({
  store: z.string(),
  /** False: the slot no longer waits for it, and `rpoSeconds` above does not heed it. */
  counts: z.boolean(),
  /** Empty where the store does not answer. */
  coverage: Coverage,
  missing: z.array(z.string()),
  storedLsn: z.string().nullable(),
  lagBytes: z.number().nullable(),
  rpoSeconds: z.number().nullable(),
  unreachable: Unreachable,
});

export const WalReport = z.strictObject({
  server: z.string(),
  store: z.string(),
  systemId: z.string().nullable(),
  coverage: Coverage,
  /** Names of segments that are missing between runs. */
  missing: z.array(z.string()),
  segments: z.number(),
  storedBytes: z.number(),
  storedLsn: z.string().nullable(),
  serverLsn: z.string().nullable(),
  /** Null: the server does not answer. */
  lagBytes: z.number().nullable(),
  lagSeconds: z.number().nullable(),
  /** What would be lost if the server were gone this moment: the worst store's that counts. Null: unknown. */
  rpoSeconds: z.number().nullable(),
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
      return report(server.name, server.storeName, await measureWal(server, deps, { signal }));
    },
    // A hole is a result that is not good.
    exitCode: ({ missing, stores }) =>
      missing.length === 0 && stores.every((store) => store.missing.length === 0) ? 0 : 1,
  };
}

/** The measure as a program reads it. Pure. */
function report(server: string, store: string, measure: WalMeasure): WalReport {
  const { folder, inventory, slot, unreachable } = measure;
  const stores = measure.stores.map((one) => storeReport(one, measure.stores[0]));
  return {
    server,
    store,
    systemId: orNull(folder?.systemId),
    coverage: coverageOf(inventory),
    missing: [...inventory.missing],
    segments: inventory.segments,
    storedBytes: inventory.storedBytes,
    storedLsn: orNull(measure.storedLsn),
    serverLsn: orNull(measure.serverLsn),
    lagBytes: orNull(measure.lagBytes),
    lagSeconds: orNull(measure.lagSeconds),
    rpoSeconds: worstRpo(stores),
    stores,
    slot: slot === undefined ? null : slotReport(slot),
    unreachable: problemReport(unreachable),
  };
}

function storeReport(one: StoreMeasure, first: StoreMeasure | undefined): StoreReport {
  const behind = (one.lagSeconds ?? Number.POSITIVE_INFINITY) - (first?.lagSeconds ?? 0);
  return {
    store: one.store,
    counts: one === first || behind < LEFT_OUT_AFTER_MS / 1000,
    coverage: one.inventory === undefined ? [] : coverageOf(one.inventory),
    missing: [...(one.inventory?.missing ?? [])],
    storedLsn: orNull(one.storedLsn),
    lagBytes: orNull(one.lagBytes),
    rpoSeconds: orNull(one.lagSeconds),
    unreachable: problemReport(one.unreachable),
  };
}

/** Null: of a store that counts nothing is known. */
function worstRpo(stores: readonly StoreReport[]): number | null {
  const counting = stores.filter(({ counts }) => counts).map(({ rpoSeconds }) => rpoSeconds);
  if (counting.includes(null)) return null;
  return Math.max(0, ...counting.map((seconds) => seconds ?? 0));
}

function coverageOf({ runs }: WalInventory): StoreReport['coverage'] {
  return runs.map(({ fromLsn, toLsn, timeline }) => ({ from: fromLsn, to: toLsn, timeline }));
}

function problemReport(problem: Problem | undefined): StoreReport['unreachable'] {
  if (problem === undefined) return null;
  return { code: problem.kind.code, message: problem.message, hint: problem.hint };
}

function slotReport(slot: SlotState): WalReport['slot'] {
  return {
    name: slot.name,
    active: slot.active,
    walStatus: orNull(slot.walStatus),
    restartLsn: orNull(slot.restartLsn),
    keptBytes: orNull(slot.keptBytes),
    safeBytes: orNull(slot.safeBytes),
  };
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}
