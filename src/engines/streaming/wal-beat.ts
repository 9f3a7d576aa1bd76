/** What is done now and then, and at once when somebody wants it. One at a time, until `signal` aborts. */
import { type Bell, rungOrTime } from '../../kernel/bell.ts';
import type { Clock } from '../../kernel/clock.ts';

export interface Beat {
  readonly waitMs: number;
  readonly wanted?: Pick<Bell, 'next'> | undefined;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
}

/** Rejects with what `work` does; an abort while it waits is its end. */
export async function beat(
  { waitMs, wanted, clock, signal }: Beat,
  work: () => Promise<void>,
): Promise<void> {
  for (let rung = wanted?.next(); !signal.aborted; ) {
    try {
      await (rung === undefined
        ? clock.sleep(waitMs, { signal })
        : rungOrTime(clock, rung, { signal, waitMs }));
    } catch {
      return;
    }
    // Before the work, so that what is wanted meanwhile is not missed.
    rung = wanted?.next();
    await work();
  }
}
