/** The operation `wal`: what is stored of a server's log, what is missing, how far it is behind. */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import type { SlotState } from '../postgres/slots.ts';
import { type ArchivingOperationDeps, requireServer } from './deps.ts';
import { measureWal, type WalMeasure } from './measure.ts';

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

export const WalReport = z.strictObject({
  server: z.string(),
  store: z.string(),
  systemId: z.string().nullable(),
  /** Runs of log without a hole. `from` and `to` are positions; `to` counts the tail. */
  coverage: z.array(z.strictObject({ from: z.string(), to: z.string(), timeline: z.number() })),
  /** Names of segments that are missing between runs. */
  missing: z.array(z.string()),
  segments: z.number(),
  storedBytes: z.number(),
  storedLsn: z.string().nullable(),
  serverLsn: z.string().nullable(),
  /** Null: the server does not answer. */
  lagBytes: z.number().nullable(),
  lagSeconds: z.number().nullable(),
  /** What would be lost if the server were gone this moment. Null: unknown. */
  rpoSeconds: z.number().nullable(),
  slot: SlotReport.nullable(),
  /** Why the server could not be asked. */
  unreachable: z
    .strictObject({ code: z.string(), message: z.string(), hint: z.string() })
    .nullable(),
});
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
    exitCode: ({ missing }) => (missing.length === 0 ? 0 : 1),
  };
}

/** The measure as a program reads it. Pure. */
function report(server: string, store: string, measure: WalMeasure): WalReport {
  const { folder, inventory, slot, unreachable } = measure;
  return {
    server,
    store,
    systemId: orNull(folder?.systemId),
    coverage: inventory.runs.map(({ fromLsn, toLsn, timeline }) => ({
      from: fromLsn,
      to: toLsn,
      timeline,
    })),
    missing: [...inventory.missing],
    segments: inventory.segments,
    storedBytes: inventory.storedBytes,
    storedLsn: orNull(measure.storedLsn),
    serverLsn: orNull(measure.serverLsn),
    lagBytes: orNull(measure.lagBytes),
    lagSeconds: orNull(measure.lagSeconds),
    rpoSeconds: orNull(measure.lagSeconds),
    slot: slot === undefined ? null : slotReport(slot),
    unreachable:
      unreachable === undefined
        ? null
        : { code: unreachable.kind.code, message: unreachable.message, hint: unreachable.hint },
  };
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
