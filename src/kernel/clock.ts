/** The only file that reads the machine's clocks; a lint rule enforces it. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** The wall clock: for moments that people and logs read. It may jump. */
  now(): Temporal.Instant;
  /** Milliseconds on a clock that never jumps: for elapsed time, never for moments. */
  elapsedMs(): number;
  /** Resolves after `durationMs`. Rejects with `signal.reason` when aborted. */
  sleep(durationMs: number, options: { readonly signal: AbortSignal }): Promise<void>;
}

export const systemClock: Clock = {
  now() {
    return Temporal.Now.instant();
  },

  elapsedMs() {
    return performance.now();
  },

  async sleep(durationMs, { signal }) {
    try {
      await delay(durationMs, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};
