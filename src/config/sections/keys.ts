/** Config section `keys`: where key-encryption keys come from. */
import { z } from 'zod';

const KeyFile = z.strictObject({ kind: z.literal('file'), path: z.string().min(1) });

const SecretsManagerKeys = z.strictObject({
  kind: z.literal('secrets-manager'),
  /** Secrets are called `<name>/<key id>`, and the pointer to the newest `<name>/active`. */
  name: z.string().regex(/^[A-Za-z0-9/_+=.@-]{1,400}$/, 'must be a name of a secret'),
  /** The first is where keys are made; the others hold replicas. Read from whichever answers. */
  regions: z.array(z.string().min(1)).min(1),
  /** Of a compatible server; default: Amazon's own. */
  endpoint: z
    .string()
    .regex(/^https?:\/\//, 'must begin with https:// or http://')
    .optional(),
});

export const KeysSection = z.discriminatedUnion('kind', [KeyFile, SecretsManagerKeys]);
export type KeysSection = z.infer<typeof KeysSection>;
