/** Wakes whoever waits in this process; what another process does is found after a time. */
import type { Clock } from './clock.ts';

export interface Bell {
  readonly ring: () => void;
  /** The next ring. Taken before looking, so that a ring between looking and waiting is heard. */
  readonly next: () => NextRing;
}

interface NextRing {
  /** Calls `wake` once, at the ring or now if it has rung. Whoever no longer waits leaves with what it answers. */
  readonly hear: (wake: () => void) => () => void;
}

/** `waiters`: who waits now. A bell may live for months without a ring: nothing else is kept of them. */
export function createBell(waiters = new Set<() => void>()): Bell {
  let rings = 0;
  return {
    ring() {
      rings += 1;
      const woken = [...waiters];
      waiters.clear();
      for (const wake of woken) wake();
    },
    next() {
      const before = rings;
      return {
        hear(wake) {
          if (rings === before) waiters.add(wake);
          else wake();
          return () => waiters.delete(wake);
        },
      };
    },
  };
}

/** Resolves at the ring or after the time; the loser is stopped. Rejects when aborted. */
export async function rungOrTime(
  clock: Pick<Clock, 'sleep'>,
  rung: NextRing,
  { signal, waitMs }: { readonly signal: AbortSignal; readonly waitMs: number },
): Promise<void> {
  signal.throwIfAborted();
  const enough = new AbortController();
  const leave = rung.hear(() => enough.abort());
  if (enough.signal.aborted) return;
  try {
    await clock.sleep(waitMs, { signal: AbortSignal.any([signal, enough.signal]) });
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
  } finally {
    leave();
  }
}
