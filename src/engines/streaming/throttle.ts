/**
 * Says when more may be asked for, so that in the long run no more than so many bytes come in a second.
 * After a rest a short burst is free, because reads come in lumps. Knows no clock: it is told the time. Pure.
 */

/** What was not used for longer than this is lost. */
const BURST_MS = 100;

export class Throttle {
  readonly #bytesPerMs: number;
  /** When all that was taken would have come at the allowed rate. */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** So many bytes have come; more than was allowed delays the next. */
  take(bytes: number, nowMs: number): void {
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs - BURST_MS) + bytes / this.#bytesPerMs;
  }

  /** How long to ask for nothing; 0: ask. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#paidAtMs - nowMs);
  }
}
