/** A backup's summary and a path of WAL as plans keep them: plain JSON that is read back with care. */
import { z } from 'zod';

import type { BackupSummary } from '../engines/engine.ts';
import { type BackupId, isBackupId, isServerName, type ServerName } from '../kernel/ids.ts';
import { isLsn, type Lsn } from '../kernel/lsn.ts';
import { isSegmentName, type SegmentName } from '../kernel/wal-name.ts';
import type { WalPath } from './coverage.ts';

export const ServerNameText = z.custom<ServerName>(isText(isServerName));
const BackupIdText = z.custom<BackupId>(isText(isBackupId));
const LsnText = z.custom<Lsn>(isText(isLsn));
const SegmentText = z.custom<SegmentName>(isText(isSegmentName));

function isText(guard: (text: string) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && guard(value);
}

export const SummaryJson = z.strictObject({
  backupId: BackupIdText,
  server: ServerNameText,
  major: z.number(),
  systemId: z.string(),
  timeline: z.number(),
  segmentBytes: z.number(),
  beginLsn: LsnText,
  endLsn: LsnText,
  proofLsn: LsnText.exactOptional(),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: z.number(),
  storedBytes: z.number(),
  files: z.number(),
  packs: z.number(),
  keyId: z.string(),
  damagedFiles: z.array(z.string()),
});
export type SummaryJson = z.infer<typeof SummaryJson>;

export const PathJson = z.strictObject({
  runs: z.array(z.strictObject({ timeline: z.number(), fromLsn: LsnText, toLsn: LsnText })),
  timeline: z.number(),
  fromLsn: LsnText,
  toLsn: LsnText,
  missing: z.array(SegmentText),
  broken: z.boolean(),
  thinned: z.boolean().default(false),
});
export type PathJson = z.infer<typeof PathJson>;

export function summaryJson(summary: BackupSummary): SummaryJson {
  return SummaryJson.parse(SummaryJson.strip().parse(summary));
}

export function pathJson(path: WalPath): PathJson {
  return PathJson.strip().parse(path);
}

export const TargetJson = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('time'), asked: z.string(), at: z.string() }),
  z.strictObject({ kind: z.literal('lsn'), asked: z.string(), lsn: z.string() }),
  z.strictObject({ kind: z.literal('xid'), asked: z.string(), xid: z.string() }),
  z.strictObject({ kind: z.literal('latest'), asked: z.string() }),
]);
