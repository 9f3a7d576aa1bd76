/**
 * Notices what never fails by itself: a store that has stopped answering, which would keep the server
 * from shutting down as long as we are connected, and a server that has gone without a word. Pure.
 */
import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { CONNECTION_LOST } from '../../postgres/problems.ts';
import { WAL_STORE_STALLED } from './wal-problems.ts';

/** One store of a segment may take so long. */
const STORE_MS = 180_000;
/** The server answers a status that asks for it at once; we ask every few seconds. */
const SILENCE_MS = 60_000;

export class WalWatchdog {
  readonly #clock: Pick<Clock, 'elapsedMs'>;
  readonly #storesSinceMs = new Set<{ readonly sinceMs: number }>();
  #heardMs: number;

  constructor(clock: Pick<Clock, 'elapsedMs'>) {
    this.#clock = clock;
    this.#heardMs = clock.elapsedMs();
  }

  /** The server has said something, or we do not listen at the moment. */
  heard(): void {
    this.#heardMs = this.#clock.elapsedMs();
  }

  /** `idle` is for what waits for others: that time does not count. */
  async store<T>(work: (idle: (turn: Promise<void>) => Promise<void>) => Promise<T>): Promise<T> {
    const mark = { sinceMs: this.#clock.elapsedMs() };
    this.#storesSinceMs.add(mark);
    const idle = async (turn: Promise<void>): Promise<void> => {
      this.#storesSinceMs.delete(mark);
      await turn;
      mark.sinceMs = this.#clock.elapsedMs();
      this.#storesSinceMs.add(mark);
    };
    try {
      return await work(idle);
    } finally {
      this.#storesSinceMs.delete(mark);
    }
  }

  /** @throws Problem WAL_STORE_STALLED, POSTGRES_CONNECTION_LOST */
  check(): void {
    const nowMs = this.#clock.elapsedMs();
    for (const { sinceMs } of this.#storesSinceMs) {
      if (nowMs - sinceMs > STORE_MS)
        throw new Problem(
          WAL_STORE_STALLED,
          `Cannot store WAL: the store has not answered for ${Math.round(STORE_MS / 1000)} s`,
        );
    }
    if (nowMs - this.#heardMs > SILENCE_MS)
      throw new Problem(
        CONNECTION_LOST,
        `Cannot receive WAL: the server has been silent for ${Math.round(SILENCE_MS / 1000)} s`,
      );
  }
}
