/**
 * From when on every moment can be returned to, as far as the catalogue remembers the backups: for
 * `status`, which answers with the stores and the server down. Pure.
 */
import { z } from 'zod';

import type { BackupRecord } from '../catalog/records.ts';
import { utcText } from '../kernel/codecs.ts';
import { type BackupFacts, backupName, type RetentionRules } from './facts.ts';
import { viewOf } from './view.ts';

const Summary = z.object({
  backupId: z.string(),
  major: z.number(),
  systemId: z.string(),
  timeline: z.number(),
  segmentBytes: z.number(),
  beginLsn: z.string(),
  endLsn: z.string(),
  beganAt: z.string(),
  endedAt: z.string(),
  damagedFiles: z.array(z.string()),
});

export interface WindowRequest {
  readonly server: string;
  readonly rules: RetentionRules;
  readonly zone: string;
  readonly now: Temporal.Instant;
}

/** Undefined: there is no good backup. */
export function rememberedWindow(
  rows: readonly BackupRecord[],
  { server, rules, zone, now }: WindowRequest,
): string | undefined {
  const backups = new Map<string, BackupFacts>();
  for (const { summary: json, store, verdict, verifiedAt } of rows) {
    const read = Summary.safeParse(json);
    if (!read.success) continue;
    const name = backupName(read.data);
    const copies = backups.get(name)?.copies ?? [];
    const copy = { store, verdict, verifiedAt, lockedUntil: null, storedBytes: 0 };
    backups.set(name, { summary: read.data, copies: [...copies, copy] });
  }
  const known = [...backups.values()];
  const nothing = { unreadable: [], holds: [], readers: [], trouble: [] };
  const view = viewOf({ server, now, zone, rules, backups: known, ...nothing });
  return view.windowFrom === undefined ? undefined : utcText(view.windowFrom);
}
