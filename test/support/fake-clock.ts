/** A clock that moves only when told to: sleeps end when time has passed them. */
import type { Clock } from '../../src/kernel/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks and wakes, in order, whoever slept until then. */
  advance(durationMs: number): Promise<void>;
  /** Moves only the wall clock, as an administrator or NTP would. */
  jumpTo(text: string): void;
  /** How many sleep now. */
  readonly sleepers: number;
  /** Resolves when at least `count` sleep. */
  untilAsleep(count: number): Promise<void>;
}

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

export function fakeClock(start = '2026-11-22T14:46:00Z'): FakeClock {
  let now = Temporal.Instant.from(start);
  let elapsedMs = 0;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();

  function moveTo(targetMs: number): void {
    now = now.add({ milliseconds: Math.round(targetMs - elapsedMs) });
    elapsedMs = targetMs;
  }

  return {
    now: () => now,
    elapsedMs: () => elapsedMs,
    sleep: (durationMs, { signal }) =>
      new Promise<void>((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        function abort(): void {
          sleepers.delete(sleeper);
          reject(signal.reason);
        }
        const sleeper: Sleeper = {
          wakeMs: elapsedMs + durationMs,
          wake: () => {
            signal.removeEventListener('abort', abort);
            resolve();
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        sleepers.add(sleeper);
        for (const watcher of watchers) watcher();
      }),
    async advance(durationMs) {
      const targetMs = elapsedMs + durationMs;
      await settled();
      for (;;) {
        const due = [...sleepers].filter(({ wakeMs }) => wakeMs <= targetMs);
        const [first] = due.toSorted((a, b) => a.wakeMs - b.wakeMs);
        if (first === undefined) break;
        moveTo(Math.max(elapsedMs, first.wakeMs));
        sleepers.delete(first);
        first.wake();
        await settled();
      }
      moveTo(targetMs);
      await settled();
    },
    jumpTo(text) {
      now = Temporal.Instant.from(text);
    },
    get sleepers() {
      return sleepers.size;
    },
    untilAsleep: (count) =>
      new Promise((resolve) => {
        function look(): void {
          if (sleepers.size < count) return;
          watchers.delete(look);
          resolve();
        }
        watchers.add(look);
        look();
      }),
  };
}

/** What was woken has run as far as it can without time passing. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1)
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
}
