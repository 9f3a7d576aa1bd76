/** A backup's summary as the catalogue keeps it and programs read it: what lists need, checked. */
import { z } from 'zod';

export const StoredSummary = z.object({
  backupId: z.string(),
  server: z.string(),
  major: z.number(),
  systemId: z.string(),
  timeline: z.number(),
  segmentBytes: z.number(),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: z.number(),
  storedBytes: z.number(),
  beginLsn: z.string(),
  endLsn: z.string(),
  proofLsn: z.string().exactOptional(),
  damagedFiles: z.array(z.string()),
});
export type StoredSummary = z.infer<typeof StoredSummary>;
