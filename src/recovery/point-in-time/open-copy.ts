/**
 * Opens a copy that stands at its target. Until then, a transaction that was stopped just before its
 * commit still holds its locks in the copy: the very table a migration was changing cannot be read.
 * Opening rolls it back. The copy's isolation (`clusters/configuration.ts`) stays as it was.
 */
import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Session } from '../../postgres/session.ts';
import { RECOVERY_FAILED } from '../problems.ts';

const POLL_MS = 25;
const POLLS_MAX = 12_000;

export interface OpenCopy {
  /** Where it stands: at a target that PostgreSQL stopped at by itself, or where we have paused it. */
  readonly how: 'target' | 'end of log';
  /** Its writes reach the disk, so that opening may take as long as the disk does. Default: they do not. */
  readonly durable?: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws Problem RECOVERY_FAILED when one that is not durable does not open within 5 minutes. */
export async function openCopy(session: Session, options: OpenCopy): Promise<void> {
  const { how, durable = false, clock, signal } = options;
  // Going on from its target ends recovery, and wakes PostgreSQL (xlogrecovery.c, recoveryPausesHere());
  // a promotion is noticed within a second. Where we paused it, going on would replay what has come since.
  // But only a promotion opens before its checkpoint (xlog.c, PerformRecoveryXLogAction()): a durable copy
  // would first write and flush all that was replayed.
  const words = how === 'target' && !durable ? 'pg_wal_replay_resume()' : 'pg_promote(false)';
  await session.query(`SELECT ${words}`);
  // A durable copy took hours and is not given up: if its cluster ends, the session says so.
  const pollsMax = durable ? Infinity : POLLS_MAX;
  for (let polls = 0; polls < pollsMax; polls += 1) {
    const [row] = await session.query<{ recovering: boolean }>(
      'SELECT pg_is_in_recovery() AS recovering',
    );
    if (row?.recovering === false) return;
    await clock.sleep(POLL_MS, { signal });
  }
  throw new Problem(RECOVERY_FAILED, 'Cannot open the restored copy: it stays in recovery');
}
