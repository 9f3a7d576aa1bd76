/** Config section `stores`: where objects live. S3 comes with the issue on stores. */
import { z } from 'zod';

const DirectoryStore = z.strictObject({
  kind: z.literal('directory'),
  path: z.string().min(1),
});

export const StoresSection = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes'),
    DirectoryStore,
  )
  .refine((stores) => Object.keys(stores).length > 0, 'must name at least one store');
export type StoresSection = z.infer<typeof StoresSection>;
