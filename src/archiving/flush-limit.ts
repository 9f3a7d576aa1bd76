/**
 * Up to where a server may forget its log: what the first store has, and every other store that counts.
 * A store that has lacked something for a quarter of an hour drops out, or one that is behind while the
 * slot's room runs low, and counts again once it is level: no copy is worth production's disk. Pure: the
 * clock and the facts come in.
 */
import type { WalProgressRecord } from '../catalog/records.ts';
import type { WalStored } from '../engines/wal-archive.ts';
import type { Clock } from '../kernel/clock.ts';
import { isLsn, lsnBytes } from '../kernel/lsn.ts';

/** What counted has lacked for so long no longer does. */
export const LEFT_OUT_AFTER_MS = 15 * 60_000;
/** A store that is level within this counts again. */
const LEVEL_WITHIN_MS = 30_000;
/** With little room, so long behind is enough to be left out. */
const PATIENCE_WITH_LITTLE_ROOM_MS = 60_000;
/** The first store's positions are kept one in so many milliseconds, and so many of them. */
const SAMPLE_MS = 1000;
const SAMPLES_MAX = 2000;

export interface FlushLimitOptions {
  readonly first: WalProgressRecord | undefined;
  /** Each store and its row. */
  readonly others: ReadonlyMap<string, WalProgressRecord | undefined>;
  readonly clock: Pick<Clock, 'elapsedMs'>;
}

export type Why = 'too long' | 'little room';

interface Sample {
  readonly lsn: bigint;
  /** When the first store had it. */
  readonly atMs: number;
}

interface Other {
  systemId: string;
  timeline: number;
  lsn: bigint;
  counts: boolean;
}

export class FlushLimit {
  readonly #clock: Pick<Clock, 'elapsedMs'>;
  readonly #others = new Map<string, Other>();
  #samples: Sample[] = [];
  /** Also when it was too soon for a sample. */
  #newest: Sample | undefined;
  #systemId = '';
  #timeline = 0;

  constructor({ first, others, clock }: FlushLimitOptions) {
    this.#clock = clock;
    for (const [store, row] of others) {
      this.#others.set(store, { ...placeOf(row), counts: wasLevel(first, row) });
    }
  }

  /** The first store has so much. */
  told({ systemId, timeline, storedLsn }: WalStored): void {
    if (systemId !== this.#systemId || timeline !== this.#timeline) {
      [this.#systemId, this.#timeline, this.#samples] = [systemId, timeline, []];
      this.#newest = undefined;
    }
    const [lsn, atMs] = [lsnBytes(storedLsn), this.#clock.elapsedMs()];
    if (this.#newest !== undefined && lsn <= this.#newest.lsn) return;
    this.#newest = { lsn, atMs };
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ lsn, atMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** Another store has so much. Answers whether it begins to count, or no longer does. */
  seen(
    store: string,
    row: WalProgressRecord | undefined,
    { hasLittleRoom }: { readonly hasLittleRoom: boolean },
  ): Why | 'counts again' | undefined {
    const other = this.#others.get(store);
    if (other === undefined) return undefined;
    Object.assign(other, placeOf(row));
    const behindMs = this.behindMs(store);
    if (!other.counts) {
      if (!this.#isOfThisLog(other) || behindMs >= LEVEL_WITHIN_MS) return undefined;
      other.counts = true;
      return 'counts again';
    }
    const why = whyLeftOut(behindMs, hasLittleRoom);
    if (why !== undefined) other.counts = false;
    return why;
  }

  /** How long it has lacked what it lacks. */
  behindMs(store: string): number {
    const other = this.#others.get(store);
    if (other === undefined) return 0;
    const reached = this.#isOfThisLog(other) ? other.lsn : 0n;
    const newest = this.#newest;
    if (newest === undefined || newest.lsn <= reached) return 0;
    const first = this.#samples.find(({ lsn }) => lsn > reached) ?? newest;
    return this.#clock.elapsedMs() - first.atMs;
  }

  /** The longest that a store which counts is behind. */
  longestMs(): number {
    const counting = [...this.#others].filter(([, { counts }]) => counts);
    return Math.max(0, ...counting.map(([store]) => this.behindMs(store)));
  }

  counts(store: string): boolean {
    return this.#others.get(store)?.counts === true;
  }

  /** Undefined: nobody else is waited for. Of another timeline's log a store has nothing that counts. */
  limit(timeline: number): bigint | undefined {
    let limit: bigint | undefined;
    for (const other of this.#others.values()) {
      if (!other.counts) continue;
      const isSame = this.#isOfThisLog(other) && other.timeline === timeline;
      const lsn = isSame ? other.lsn : 0n;
      if (limit === undefined || lsn < limit) limit = lsn;
    }
    return limit;
  }

  /** Before anything was told of the log there is none that a store could be level with. */
  #isOfThisLog({ systemId, timeline }: Other): boolean {
    if (this.#systemId === '') return false;
    return systemId === this.#systemId && timeline === this.#timeline;
  }
}

function whyLeftOut(behindMs: number, hasLittleRoom: boolean): Why | undefined {
  if (behindMs >= LEFT_OUT_AFTER_MS) return 'too long';
  if (hasLittleRoom && behindMs >= PATIENCE_WITH_LITTLE_ROOM_MS) return 'little room';
  return undefined;
}

function placeOf(row: WalProgressRecord | undefined): Omit<Other, 'counts'> {
  if (row === undefined || !isLsn(row.storedLsn)) return { systemId: '', timeline: 0, lsn: 0n };
  return { systemId: row.systemId, timeline: row.timeline, lsn: lsnBytes(row.storedLsn) };
}

/** Whoever starts the bot anew does not wait for a dead store again. */
function wasLevel(
  first: WalProgressRecord | undefined,
  row: WalProgressRecord | undefined,
): boolean {
  if (first === undefined) return true;
  if (row === undefined) return false;
  const late = Temporal.Instant.from(first.at).since(Temporal.Instant.from(row.at));
  return late.total('milliseconds') < LEFT_OUT_AFTER_MS;
}
