/** What a server's config allows a proof to cost production. Pure. */
import type { ContentBudget } from './content.ts';
import type { VerifiedServer } from './deps.ts';
import { roundSeconds } from './proving.ts';
import type { ProductionLoad } from './result.ts';

export function budgetOf({ verification }: VerifiedServer): ContentBudget {
  return {
    tables: verification.tables,
    hash: verification.hash,
    seconds: verification.snapshot_seconds,
    lockSeconds: verification.lock_seconds,
    parallel: verification.parallel,
    readFrom: verification.read_from,
  };
}

/** `seconds`: what was measured. */
export function loadOf(
  { seconds: limitSeconds, parallel, readFrom }: ContentBudget,
  seconds: number,
): ProductionLoad {
  const snapshotSeconds = roundSeconds(seconds);
  const readFromStandby = readFrom !== undefined;
  return { snapshotSeconds, limitSeconds, sessions: parallel, readFromStandby };
}

/** Right after a backup, which has cost enough: large tables are counted and not hashed in part. */
export function proofPointBudget(server: VerifiedServer): ContentBudget {
  const budget = budgetOf(server);
  const hash = budget.hash === 'part' ? 'small' : budget.hash;
  return { ...budget, hash, seconds: server.verification.proof_point_seconds };
}
