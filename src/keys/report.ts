/** What `keys` answers, as its JSON promises it. */
import { z } from 'zod';

import { VERDICTS } from '../kernel/verdict.ts';

const Proof = z.strictObject({
  object: z.string(),
  /** Null: it could not be told. */
  proved: z.boolean().nullable(),
  problem: z.string().nullable(),
});
export type Proof = z.infer<typeof Proof>;

const KeyUse = z.strictObject({
  server: z.string(),
  store: z.string(),
  /** `backup`: packs and manifests; `wal`: segments, history files, tails; `hold`: notes. */
  kind: z.enum(['backup', 'wal', 'hold']),
  objects: z.number(),
  oldest: Proof,
  newest: Proof,
});
export type KeyUse = z.infer<typeof KeyUse>;

/** `code` of a place that holds another key under the same name. */
export const KEY_DIFFERS = 'KEY_DIFFERS';

const KeyAt = z.strictObject({
  /** The file, or the region. */
  place: z.string(),
  /** Null: the place does not answer, or nobody can tell which of two places is right. */
  readable: z.boolean().nullable(),
  code: z.string().nullable(),
  problem: z.string().nullable(),
  /** When it will be gone from here. Null: it stays. */
  deletedAt: z.string().nullable(),
});
export type KeyAt = z.infer<typeof KeyAt>;

const KeyReport = z.strictObject({
  keyId: z.string(),
  isCurrent: z.boolean(),
  /** Of the oldest: WAL segments are named with it, for ever. */
  namesWal: z.boolean(),
  /** Null: not counted. */
  objects: z.number().nullable(),
  places: z.array(KeyAt),
  uses: z.array(KeyUse),
});
export type KeyReport = z.infer<typeof KeyReport>;

const KeyIssue = z.strictObject({
  code: z.string(),
  keyId: z.string().nullable(),
  /** Null: every server. */
  server: z.string().nullable(),
  verdict: z.enum(['FAIL', 'ERROR']),
  severity: z.enum(['warn', 'page']),
  summary: z.string(),
  hint: z.string(),
});
export type KeyIssue = z.infer<typeof KeyIssue>;

export const KeysReport = z.strictObject({
  action: z.enum(['check', 'rotate']),
  verdict: z.enum(VERDICTS),
  currentKeyId: z.string().nullable(),
  /** Of a rotation: what was current before. */
  previousKeyId: z.string().nullable(),
  keys: z.array(KeyReport),
  issues: z.array(KeyIssue),
  /** How many objects' headers were read, and what that says of the others. */
  sampled: z.string().nullable(),
  /** What a person must keep a copy of. */
  escrow: z.string(),
});
export type KeysReport = z.infer<typeof KeysReport>;
