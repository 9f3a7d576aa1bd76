/** Which backup is proved, from which store, and what is looked at. The choice is pure. */
import { z } from 'zod';

import type { BackupListing, BackupSummary } from '../engines/engine.ts';
import { noneReadable } from '../engines/unreadable.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import { VERDICTS } from '../kernel/verdict.ts';
import { ServerNameText, SummaryJson } from '../recovery/summary-schema.ts';
import { BACKUP_UNKNOWN, NOTHING_TO_PROVE } from './problems.ts';

const PassedOver = z.strictObject({
  store: z.string(),
  /** SKIPPED: there is nothing to prove, or it is away; FAIL: what is there cannot be read. */
  verdict: z.enum(VERDICTS),
  reason: z.string(),
});
export type PassedOver = z.infer<typeof PassedOver>;

const VerifyCost = z.strictObject({
  snapshotSeconds: z.number(),
  lockSeconds: z.number(),
  parallel: z.number(),
  fromStandby: z.boolean(),
});

export const VerifyPlan = z.strictObject({
  server: ServerNameText,
  store: z.string(),
  /** Why this store: `as asked`, `its only store`, `proved longest ago`. */
  why: z.string().default('as asked'),
  /** Stores that were looked at before and could not be proved from now, each with the reason. */
  passedOver: z.array(PassedOver).default([]),
  base: SummaryJson,
  /** Why this backup: `the newest`, `as asked`, `kept as monthly of August 2026, never proved`. */
  which: z.string().default('as asked'),
  isNewest: z.boolean(),
  databases: z.array(z.string()).min(1),
  /** How many of the largest tables of each database are compared. */
  tables: z.number().int(),
  /** `bounded` only where no exact position can be had, which turns out when production is asked. */
  mode: z.enum(['exact', 'bounded']).default('exact'),
  /** What of the contents is hashed. */
  hash: z.enum(['none', 'part', 'all']).default('none'),
  /** What production pays at most; null: it is not asked. */
  cost: VerifyCost.nullable().default(null),
  maxAgeSeconds: z.number(),
  /** Backups in the store that could not be read when this was planned, each with the reason. */
  unreadable: z.array(z.strictObject({ key: z.string(), reason: z.string() })),
});
export type VerifyPlan = z.infer<typeof VerifyPlan>;

export interface Wish {
  readonly server: string;
  readonly store: string;
  /** Undefined: the newest. */
  readonly backup: string | undefined;
}

/** @throws Problem VERIFY_NOTHING_TO_PROVE, KEY_NOT_FOUND, DECRYPTION_FAILED, VERIFY_BACKUP_UNKNOWN */
export function chooseBackup(
  { backups, unreadable }: BackupListing,
  wish: Wish,
): { readonly base: BackupSummary; readonly isNewest: boolean } {
  const newestFirst = backups.toSorted((a, b) => compareMoments(b.endedAt, a.endedAt));
  const [newest] = newestFirst;
  if (newest === undefined) {
    const action = `prove a backup of "${wish.server}"`;
    const locked = noneReadable({ backups, unreadable }, action, wish.store);
    if (locked !== undefined) throw locked;
    const reasons = unreadable.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
    const state = unreadable.length === 0 ? 'there is none' : `none can be read: ${reasons}`;
    throw new Problem(
      NOTHING_TO_PROVE,
      `Cannot prove a backup of "${wish.server}" in "${wish.store}": ${state}`,
    );
  }
  if (wish.backup === undefined) return { base: newest, isNewest: true };
  const base = newestFirst.find(({ backupId }) => backupId === wish.backup);
  if (base !== undefined) return { base, isNewest: base === newest };
  const near = nearestWord(
    wish.backup,
    newestFirst.map(({ backupId }) => backupId),
  );
  throw new Problem(
    BACKUP_UNKNOWN,
    `Cannot find backup "${wish.backup}" of "${wish.server}" in "${wish.store}"`,
    near === undefined ? {} : { hint: `Did you mean \`${near}\`?` },
  );
}

function compareMoments(a: string, b: string): number {
  return Temporal.Instant.compare(Temporal.Instant.from(a), Temporal.Instant.from(b));
}
