/** Waiting that an abort ends early, without an error: whoever waits looks at the signal anyway. */
import type { Clock } from '../kernel/clock.ts';

export async function untilElapsed(
  durationMs: number,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await clock.sleep(durationMs, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
