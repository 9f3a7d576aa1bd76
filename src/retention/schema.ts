/** A plan and a result of retention as they are stored, hashed and shown: plain JSON. */
import { z } from 'zod';

import { TIERS } from './periods.ts';
import { WalRule } from './wal-rule.ts';

const decided = {
  backupId: z.string(),
  major: z.number(),
  systemId: z.string(),
  /** Null: its manifest cannot be read. */
  beganAt: z.string().nullable(),
  state: z.enum(['proved', 'unproved', 'damaged', 'unreadable']),
  /** Of all copies. */
  storedBytes: z.number(),
  stores: z.array(z.string()),
};

export const KeptJson = z.strictObject({
  ...decided,
  tiers: z.array(z.enum(TIERS)),
  reasons: z.array(z.string()),
});
export type KeptJson = z.infer<typeof KeptJson>;

export const RemovedJson = z.strictObject({ ...decided, why: z.string() });
export type RemovedJson = z.infer<typeof RemovedJson>;

const WalJson = z.strictObject({
  ...WalRule.shape,
  keepSegments: z.number(),
  keepBytes: z.number(),
  removeSegments: z.number(),
  removeBytes: z.number(),
});

const RulesJson = z.strictObject({
  daily: z.number(),
  weekly: z.number(),
  monthly: z.number(),
  pitr: z.string(),
});

const shown = {
  server: z.string(),
  zone: z.string(),
  rules: RulesJson,
  /** Periods are counted back from there. */
  countedFrom: z.string(),
  /** Every moment from here on can be returned to; null: there is no good backup. */
  windowFrom: z.string().nullable(),
  keep: z.array(KeptJson),
  remove: z.array(RemovedJson),
  wal: z.array(WalJson),
  freedBytes: z.number(),
  /** Why nothing is removed; empty: something may be. */
  blocked: z.array(z.string()),
  /** What could not be read. */
  trouble: z.array(z.string()),
  warnings: z.array(z.string()),
};

export const RetentionPlan = z.strictObject({
  ...shown,
  apply: z.boolean(),
  /** The bot does it by itself, as the config says; nobody is asked. */
  automatic: z.boolean(),
  /** In the order of the config. */
  stores: z.array(z.string()),
});
export type RetentionPlan = z.infer<typeof RetentionPlan>;

export const RetentionResult = z.strictObject({
  ...shown,
  applied: z.boolean(),
  automatic: z.boolean(),
  /** Planned to go, and still there, with the reason. */
  stayed: z.array(z.strictObject({ backupId: z.string(), store: z.string(), why: z.string() })),
  /** Stores in which the plan could not be done. */
  notApplied: z.array(
    z.strictObject({ store: z.string(), code: z.string(), reason: z.string(), hint: z.string() }),
  ),
  /** Objects that are locked, and so stayed. */
  lockedObjects: z.number(),
  /** Objects that must now stay longer than they had to. */
  lockedLonger: z.number(),
  removedObjects: z.number(),
});
export type RetentionResult = z.infer<typeof RetentionResult>;
