/** What the operation `wal` answers, as a program reads it: names and units are a promise. */
import { z } from 'zod';

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

/** A segment, and the keyed hash of its bytes, which its object is named after. */
const Content = z.strictObject({ segment: z.string(), hash: z.string() });

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
    /** Whole segments on either side. Null: there is none, only a part of one, or two that differ. */
    after: Content.nullable(),
    before: Content.nullable(),
    /** What stores hold under its names, at most a hundred: two of one store contradict each other. */
    copies: z.array(Content.extend({ store: z.string() })),
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
    /**
     * `all`: up to what was stored last; `hole`: something is missing; `own`: no more was kept on purpose;
     * `left`: up to the end of a timeline that the server has left, before this backup, for a newer one;
     * `unknown`: a store that may hold the rest did not answer.
     */
    reaches: z.enum(['all', 'hole', 'own', 'left', 'unknown']),
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
  /** Null: the first store does not answer; what stands below of it is remembered. */
  segments: z.number().nullable(),
  storedBytes: z.number().nullable(),
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
export type StoreReport = z.infer<typeof StoreReport>;
export type WalReport = z.infer<typeof WalReport>;

/** `hole`: something is missing, or stored twice; `unknown`: none was seen, and not every store answers. Pure. */
export function walState({ stores, bases }: WalReport): 'hole' | 'unknown' | 'whole' {
  const isBroken =
    stores.some(({ holes, conflicts }) => holes.length + conflicts.length > 0) ||
    bases.some(({ reaches }) => reaches === 'hole');
  if (isBroken) return 'hole';
  return stores.some(({ unreachable }) => unreachable !== null) ? 'unknown' : 'whole';
}
