/** When remembered backups ended. Pure. */
import { z } from 'zod';

import type { BackupRecord } from './records.ts';

const Summary = z.object({ endedAt: z.string() });

/** The earliest first; those that do not say are left out. */
export function backupEnds(rows: readonly Pick<BackupRecord, 'summary'>[]): readonly string[] {
  return rows.flatMap(({ summary }) => Summary.safeParse(summary).data?.endedAt ?? []).toSorted();
}
