/**
 * Opens a copy that stands at its target. Until then, a transaction that was stopped just before its
 * commit still holds its locks in the copy: the very table a migration was changing cannot be read.
 * Opening rolls it back. The copy's isolation (`clusters/configuration.ts`) stays as it was.
 */
import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Session } from '../../postgres/session.ts';
import { RECOVERY_FAILED } from '../problems.ts';

const POLL_MS = 50;
const POLLS_MAX = 2400;

/** @throws Problem RECOVERY_FAILED when it does not open. */
export async function openCopy(
  session: Session,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  await session.query('SELECT pg_promote(false)');
  for (let polls = 0; polls < POLLS_MAX; polls += 1) {
    const [row] = await session.query<{ recovering: boolean }>(
      'SELECT pg_is_in_recovery() AS recovering',
    );
    if (row?.recovering === false) return;
    await clock.sleep(POLL_MS, { signal });
  }
  throw new Problem(RECOVERY_FAILED, 'Cannot open the restored copy: it stays in recovery');
}
