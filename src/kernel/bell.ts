/** Wakes whoever waits in this process; what another process does is found after a time. */
import type { Clock } from './clock.ts';

export interface Bell {
  readonly ring: () => void;
  /** Resolves at the next ring. Taken before looking, so that a ring between looking and waiting is heard. */
  readonly next: () => Promise<void>;
}

export function createBell(): Bell {
  let current = Promise.withResolvers<void>();
  return {
    ring() {
      current.resolve();
      current = Promise.withResolvers<void>();
    },
    next: () => current.promise,
  };
}

/** Resolves at the ring or after the time; the loser is stopped. Rejects when aborted. */
export async function rungOrTime(
  clock: Pick<Clock, 'sleep'>,
  rung: Promise<void>,
  { signal, waitMs }: { readonly signal: AbortSignal; readonly waitMs: number },
): Promise<void> {
  const enough = new AbortController();
  const sleep = clock.sleep(waitMs, { signal: AbortSignal.any([signal, enough.signal]) });
  // When the bell wins, the stopped sleep rejects and nobody is interested.
  sleep.catch(() => undefined);
  await Promise.race([rung, sleep]);
  enough.abort();
}
