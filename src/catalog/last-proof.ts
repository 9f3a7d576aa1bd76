/**
 * When a server was last proved restorable, from what is remembered of its backups. The proof of one that was
 * not the newest any more says nothing of how the server stands. Pure.
 */
import { z } from 'zod';

import type { BackupRecord } from './records.ts';

/** Undefined: never. */
export function lastProofAt(rows: readonly BackupRecord[]): string | undefined {
  const proofs = rows.flatMap((row) =>
    row.verdict === 'PASS' && row.verifiedAt !== null && wasNewest(row, rows)
      ? [row.verifiedAt]
      : [],
  );
  return proofs.toSorted().at(-1);
}

const Summary = z.object({ endedAt: z.string() });

function endOf({ summary }: BackupRecord): readonly string[] {
  const read = Summary.safeParse(summary);
  return read.success ? [read.data.endedAt] : [];
}

/** No other had ended when its proof was asked for, which the run's id tells. */
function wasNewest(row: BackupRecord, rows: readonly BackupRecord[]): boolean {
  const [ended] = endOf(row);
  const asked = /^r-(\d{8}T\d{6})/.exec(row.verifyRunId ?? '')?.[1];
  if (ended === undefined || asked === undefined) return true;
  const others = rows.flatMap(endOf).filter((other) => other > ended);
  return others.every((other) => other.replaceAll(/[-:]|\..*$/g, '') > asked);
}
