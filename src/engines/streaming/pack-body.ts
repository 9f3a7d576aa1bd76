/**
 * The body of a pack that is being stored: sealed pieces wait in order until the store takes them. Tells of
 * each piece that is taken; a plain stream would not, and whoever waits for room would wait for ever.
 */
import { Readable } from 'node:stream';

export class PackBody extends Readable {
  readonly #onTaken: () => void;
  readonly #waiting: Uint8Array[] = [];
  #isWanted = false;
  #isWhole = false;

  constructor(onTaken: () => void) {
    // Of pieces, not of bytes: whoever reads bytes is given all that wait, copied into one.
    super({ objectMode: true, highWaterMark: 1 });
    this.#onTaken = onTaken;
  }

  /** Without the one that the stream has taken to be read next. */
  get waitingPieces(): number {
    return this.#waiting.length;
  }

  add(piece: Uint8Array): void {
    this.#waiting.push(piece);
    this.#give();
  }

  /** Nothing more will be added. */
  finish(): void {
    this.#isWhole = true;
    this.#give();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#give();
  }

  #give(): void {
    if (!this.#isWanted) return;
    const piece = this.#waiting.shift();
    if (piece === undefined && !this.#isWhole) return;
    this.#isWanted = false;
    this.push(piece ?? null);
    this.#onTaken();
  }
}
