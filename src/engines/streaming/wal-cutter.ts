/**
 * Cuts the stream of log bytes into whole segments, in buffers that are used again. Refuses a gap:
 * bytes that do not follow directly on the last ones. Pure.
 */
import { lsnFromBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { WAL_GAP } from './wal-problems.ts';

export interface WholeSegment {
  readonly beginLsn: bigint;
  /** Belongs to the receiver of it until `giveBack()`. */
  readonly bytes: Buffer;
}

export class WalCutter {
  readonly #segmentBytes: number;
  readonly #onWhole: (segment: WholeSegment) => void;
  readonly #spare: Buffer[] = [];
  #current: Buffer;
  #position: bigint;

  /** `beginLsn` is the first byte of a segment. */
  constructor(beginLsn: bigint, segmentBytes: number, onWhole: (segment: WholeSegment) => void) {
    this.#position = beginLsn;
    this.#segmentBytes = segmentBytes;
    this.#onWhole = onWhole;
    this.#current = Buffer.allocUnsafeSlow(segmentBytes);
  }

  /** Where the next byte belongs. */
  get position(): bigint {
    return this.#position;
  }

  /** First byte of the segment that is being filled. */
  get segmentBegin(): bigint {
    return this.#position - BigInt(this.#offset());
  }

  /** @throws Problem WAL_GAP */
  append(at: bigint, buffer: Buffer, start: number, end: number): void {
    if (at !== this.#position) {
      const [have, got] = [lsnFromBytes(this.#position), lsnFromBytes(at)];
      throw new Problem(WAL_GAP, `Cannot go on receiving at ${have}: the server sent ${got}`);
    }
    for (let from = start; from < end; ) {
      const offset = this.#offset();
      const taken = Math.min(this.#segmentBytes - offset, end - from);
      buffer.copy(this.#current, offset, from, from + taken);
      this.#position += BigInt(taken);
      from += taken;
      if (offset + taken === this.#segmentBytes) this.#cut();
    }
  }

  /** A copy of the current segment's bytes from `from` on; it goes on being filled. */
  copyFrom(from: bigint): Buffer {
    const begin = Number(from - this.segmentBegin);
    return Buffer.from(this.#current.subarray(begin, this.#offset()));
  }

  /** The buffer of a whole segment may be filled again. */
  giveBack(bytes: Buffer): void {
    this.#spare.push(bytes);
  }

  #offset(): number {
    return Number(this.#position % BigInt(this.#segmentBytes));
  }

  #cut(): void {
    const bytes = this.#current;
    this.#current = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#segmentBytes);
    this.#onWhole({ beginLsn: this.#position - BigInt(this.#segmentBytes), bytes });
  }
}
