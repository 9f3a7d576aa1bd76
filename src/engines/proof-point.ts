/**
 * What stood in a server's databases at one log position: what a restored copy must hold when it is
 * replayed to there. Taken for a proof, and right after each base backup for its manifest. Why and how:
 * `decisions/0016-exact-proof.md`.
 */
import { z } from 'zod';

import { isLsn, type Lsn } from '../kernel/lsn.ts';

const LsnText = z.custom<Lsn>((value) => typeof value === 'string' && isLsn(value));
const whole = z.number().int().nonnegative();

export const TableContent = z.strictObject({
  schema: z.string(),
  table: z.string(),
  /** Of the whole table. */
  rows: whole,
  /** The sum of the hashes of the rows as text, in decimal; null: they were not hashed. */
  hash: z.string().nullable(),
  /** Which pages were hashed, `[fromPage, toPage)`; null: all of them. */
  pages: z.strictObject({ fromPage: whole, toPage: whole }).nullable(),
  /** `pg_relation_filenode()`: pages can be compared only where it is the same. */
  fileNode: z.string(),
  sizeBytes: whole,
});
export type TableContent = z.infer<typeof TableContent>;

/** `changed`: dropped or rewritten meanwhile. `denied` and `unreadable` come again each time. */
export const WhyMissed = z.enum(['locked', 'out of time', 'changed', 'denied', 'unreadable']);
export type WhyMissed = z.infer<typeof WhyMissed>;

/** A table that was to be read and could not be. */
const MissedTable = z.strictObject({
  /** `orders`, or with its schema where that is not `public`. */
  table: z.string(),
  why: WhyMissed,
  reason: z.string(),
});
export type MissedTable = z.infer<typeof MissedTable>;

export const DatabaseContent = z.strictObject({
  database: z.string(),
  /** Where the first commit begins that the snapshot does not see; replayed to it exclusively. */
  lsn: LsnText,
  /** RFC 3339, UTC: when the snapshot was taken. */
  at: z.string(),
  tables: z.array(TableContent),
  /** What was left out, one sentence each: kinds that cannot be compared, tables beyond the limit, and those missed. */
  leftOut: z.array(z.string()),
  /** Which of it could not be read; the rest was not meant to be. Older manifests do not say. */
  missed: z.array(MissedTable).default([]),
});
export type DatabaseContent = z.infer<typeof DatabaseContent>;

const StoredObject = z.tuple([
  z.string(),
  /** Equal where everything that defines it is; of what is secret there is nothing but this. */
  z.string(),
  /** Which of the words it says. */
  whole,
]);

/** As `postgres/catalogue-reading.ts` gives it, in less room. */
export const StoredCatalogue = z.strictObject({
  words: z.array(z.string()),
  /** Kind, the relation that they belong to (empty: none), and the objects; a column's name without its relation. */
  groups: z.array(z.tuple([z.string(), z.string(), z.array(StoredObject)])),
});
export type StoredCatalogue = z.infer<typeof StoredCatalogue>;

const BigText = z.string().regex(/^-?\d{1,19}$/);

export const StoredSequences = z.strictObject({
  /** The log's position before anything was read, and after. */
  fromLsn: LsnText,
  toLsn: LsnText,
  /** Name, last value (null: never used), increment, file, whether it could be read, whether it cycles. */
  sequences: z.array(
    z.tuple([z.string(), BigText.nullable(), BigText, z.string(), z.boolean(), z.boolean()]),
  ),
});
export type StoredSequences = z.infer<typeof StoredSequences>;

export const DatabaseCatalogue = z.strictObject({
  database: z.string(),
  /** Read in the snapshot of the counts. */
  objects: StoredCatalogue.optional(),
  /** Roles and whatever else belongs to the whole cluster: only with the database of the first position. */
  shared: StoredCatalogue.optional(),
  /** They are outside of snapshots, so they were read before it and after it. */
  sequencesBefore: StoredSequences.optional(),
  sequencesAfter: StoredSequences.optional(),
  preloads: z.array(z.string()).optional(),
  /** Why what is absent could not be read. */
  failures: z.array(z.string()),
});
export type DatabaseCatalogue = z.infer<typeof DatabaseCatalogue>;

export const Catalogues = z.strictObject({
  /** How they were read: digests that were made in another way are not equal to ours. */
  reading: whole,
  databases: z.array(DatabaseCatalogue),
});
export type Catalogues = z.infer<typeof Catalogues>;

/** What the head of a manifest holds of it; the catalogues stand in a part of their own. */
export const ProofPointHead = z.strictObject({
  databases: z.array(DatabaseContent).min(1),
  /** The log up to here must be stored for every position above to be reachable: it lies behind them all. */
  untilLsn: LsnText,
  /** Why it has no catalogues. Older manifests have none and do not say. */
  withoutCatalogues: z.string().optional(),
});

export const ProofPoint = ProofPointHead.extend({ catalogues: Catalogues.optional() });
export type ProofPoint = z.infer<typeof ProofPoint>;
