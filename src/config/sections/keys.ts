/** Config section `keys`: where key-encryption keys come from, and when they are checked. */
import { z } from 'zod';

import { cronText } from '../values.ts';

/** Daily, so that a key that is on its way out is noticed while it can be brought back. */
const Check = z.strictObject({ schedule: cronText.default('30 5 * * *') }).prefault({});

const KeyFile = z.strictObject({
  kind: z.literal('file'),
  path: z.string().min(1),
  check: Check,
});

const endpoint = z.string().regex(/^https?:\/\//, 'must begin with https:// or http://');

const SecretsManagerKeys = z.strictObject({
  kind: z.literal('secrets-manager'),
  /** Secrets are called `<name>/<key id>`, and the list of them `<name>/active`. */
  name: z.string().regex(/^[A-Za-z0-9/_+=.@-]{1,400}$/, 'must be a name of a secret'),
  /** The first is where keys are made; the others hold replicas. Read from whichever answers. */
  regions: z
    .array(z.string().min(1))
    .min(1)
    .refine((regions) => new Set(regions).size === regions.length, 'must name each region once'),
  /** Of a compatible server, or of a VPC endpoint in each region; default: Amazon's own. */
  endpoint: z.union([endpoint, z.record(z.string(), endpoint)]).optional(),
  /** Region → KMS key there; default: `aws/secretsmanager`. */
  kms_keys: z.record(z.string(), z.string().min(1)).default({}),
  check: Check,
});

export const KeysSection = z.discriminatedUnion('kind', [KeyFile, SecretsManagerKeys]);
export type KeysSection = z.infer<typeof KeysSection>;
