/**
 * Two bookkeepers of the receiver. `DurableMark`: up to where everything is stored, whatever the order
 * in which the parts were. `StoredAge`: of which moment the stored log is complete. Pure.
 */

interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

export class DurableMark {
  #value: bigint;
  /** Stored, but not yet joined to what lies before. Few: each is one store in flight. */
  #islands: Range[] = [];

  constructor(begin: bigint) {
    this.#value = begin;
  }

  /** Everything before it is stored; never ahead of a part that is not. */
  get value(): bigint {
    return this.#value;
  }

  /** `[from, to)` is stored. */
  add(from: bigint, to: bigint): void {
    this.#islands = [...this.#islands, { from, to }].toSorted((a, b) => (a.from < b.from ? -1 : 1));
    const apart: Range[] = [];
    for (const island of this.#islands) {
      if (island.from > this.#value) apart.push(island);
      else if (island.to > this.#value) this.#value = island.to;
    }
    this.#islands = apart;
  }
}

interface Told {
  readonly lsn: bigint;
  at: Temporal.Instant;
}

/** What the server told is thinned out to one word in so many milliseconds. */
const SAMPLE_MS = 100;

export class StoredAge {
  readonly #told: Told[] = [];
  #complete: Temporal.Instant | undefined;

  /** The server said, at that moment, that its log ended at `lsn`. */
  told(lsn: bigint, at: Temporal.Instant): void {
    const last = this.#told.at(-1);
    // The log had not grown since: the older word is true of the newer moment too.
    if (last !== undefined && last.lsn >= lsn) {
      last.at = at;
      return;
    }
    const sinceMs = last === undefined ? SAMPLE_MS : at.since(last.at).total('milliseconds');
    // A clock that was set back does not stop it until the old time has come again.
    if (sinceMs >= 0 && sinceMs < SAMPLE_MS) return;
    this.#told.push({ lsn, at });
  }

  /** The newest moment of which everything is stored; undefined: not known yet. */
  completeAt(storedLsn: bigint): Temporal.Instant | undefined {
    let reached = 0;
    for (const { lsn, at } of this.#told) {
      if (lsn > storedLsn) break;
      this.#complete = at;
      reached++;
    }
    // The last one that is reached stays, because it may be told again.
    if (reached > 1) this.#told.splice(0, reached - 1);
    return this.#complete;
  }
}
