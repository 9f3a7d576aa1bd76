/** Config section `keys`: where key-encryption keys come from. */
import { z } from 'zod';

export const KeysSection = z.strictObject({
  kind: z.literal('file'),
  path: z.string().min(1),
});
export type KeysSection = z.infer<typeof KeysSection>;
