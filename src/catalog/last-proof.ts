/**
 * When a server was last proved restorable, from what is remembered of its backups. The proof of one that was
 * not the newest any more says nothing of how the server stands. Pure.
 */
import { backupEnds } from './backup-ends.ts';
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

/** No other had ended when its proof was asked for, which the run's id tells. */
function wasNewest(row: BackupRecord, rows: readonly BackupRecord[]): boolean {
  const [ended] = backupEnds([row]);
  const asked = /^r-(\d{8}T\d{6})/.exec(row.verifyRunId ?? '')?.[1];
  if (ended === undefined || asked === undefined) return true;
  const others = backupEnds(rows).filter((other) => other > ended);
  return others.every((other) => other.replaceAll(/[-:]|\..*$/g, '') > asked);
}
