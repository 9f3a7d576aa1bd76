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

export const ProofPoint = z.strictObject({
  databases: z.array(DatabaseContent).min(1),
  /** The log up to here must be stored for every position above to be reachable: it lies behind them all. */
  untilLsn: LsnText,
});
export type ProofPoint = z.infer<typeof ProofPoint>;
