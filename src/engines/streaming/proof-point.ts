/**
 * Asks whoever takes a backup for its proof point. A backup is worth no less without one, so nothing but
 * an abort comes out of here as a failure, and positions that a copy of this backup could never stand at
 * are not believed.
 */
import { compareLsn } from '../../kernel/lsn.ts';
import { isProblem } from '../../kernel/problem.ts';
import type { BackupRequest, BackupSummary } from '../engine.ts';
import { ProofPoint } from '../proof-point.ts';

export async function askForProofPoint(
  { takeProofPoint, log }: Pick<BackupRequest, 'takeProofPoint' | 'log'>,
  summary: BackupSummary,
  signal: AbortSignal,
): Promise<ProofPoint | undefined> {
  if (takeProofPoint === undefined) return undefined;
  const { backupId } = summary;
  let why: unknown;
  try {
    const answer = await takeProofPoint({ summary, signal });
    signal.throwIfAborted();
    if (answer === undefined || isReachable(answer, summary)) return answer;
    why = 'its positions do not lie behind the end of the backup';
  } catch (error) {
    signal.throwIfAborted();
    why = isProblem(error) ? `${error.kind.code}: ${error.message}` : String(error);
  }
  log.warn('A backup has no proof point: only production can tell what it must hold', {
    backupId,
    why,
  });
  return undefined;
}

/** A copy is consistent from `endLsn` on; the log that belongs to the backup must go on behind them all. */
function isReachable(answer: ProofPoint, { endLsn }: BackupSummary): boolean {
  const { success, data } = ProofPoint.safeParse(answer);
  if (!success) return false;
  return data.databases.every(
    ({ lsn }) => compareLsn(lsn, endLsn) >= 0 && compareLsn(lsn, data.untilLsn) <= 0,
  );
}
