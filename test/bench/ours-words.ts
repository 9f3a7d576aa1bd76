/** What the bench and the process of our engine say to each other. */
import { z } from 'zod';

const Store = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('directory'), path: z.string() }),
  z.strictObject({
    kind: z.literal('bucket'),
    endpoint: z.string(),
    region: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
    bucket: z.string(),
    prefix: z.string(),
  }),
]);

export const OursRequest = z.strictObject({
  action: z.enum(['backup', 'restore', 'table']),
  server: z.string(),
  /** The server's URL. */
  url: z.string(),
  level: z.number(),
  store: Store,
  /** Where to restore; empty for a backup. */
  directory: z.string(),
  /** The first file of the table that is wanted alone; empty: everything. */
  table: z.string(),
});
export type OursRequest = z.infer<typeof OursRequest>;

export const OursAnswer = z.strictObject({
  storedBytes: z.number(),
  readBytes: z.number(),
  /** Of a table: its share of the stored frames, and what finding them took. */
  ownBytes: z.number(),
  indexBytes: z.number(),
  /** The longest time that the main thread did not answer. */
  stallMs: z.number(),
  /** The most CPU time that it used without answering: what is left is the machine's, not ours. */
  stallCpuMs: z.number(),
});
export type OursAnswer = z.infer<typeof OursAnswer>;
