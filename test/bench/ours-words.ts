/** What the bench and the processes of our engine and our receiver say to each other. */
import { z } from 'zod';

export const StoreWords = z.discriminatedUnion('kind', [
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

export type StoreWords = z.infer<typeof StoreWords>;

export const OursRequest = z.strictObject({
  action: z.enum(['backup', 'restore', 'table']),
  server: z.string(),
  /** The server's URL. */
  url: z.string(),
  level: z.number(),
  store: StoreWords,
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

export const WalRequest = z.strictObject({
  server: z.string(),
  /** The server's URL. */
  url: z.string(),
  store: StoreWords,
  /** An existing folder for its catalogue. */
  catalog: z.string(),
  tailSeconds: z.number(),
});
export type WalRequest = z.infer<typeof WalRequest>;

/** A line of the receiver: it is loaded and waits for a word, or everything before a position is stored. */
export const WalNews = z.union([
  z.literal('loaded'),
  z.strictObject({
    storedLsn: z.string(),
    /** Milliseconds since 1970, when it was told. */
    atMs: z.number(),
  }),
]);
export type WalNews = z.infer<typeof WalNews>;
