/**
 * Stores the tail of the segment that is still being filled, and keeps its objects few: so many tails of
 * one size are joined into one, so many of those into one again. A slow server would else have thousands
 * of them a day; and each byte is written a handful of times, not once a join. What a joined one replaces
 * goes only when it is durable. A store that lets nothing go gets no joined ones: they would only be more.
 */
import type { Log } from '../../kernel/log.ts';
import { lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { isProblem } from '../../kernel/problem.ts';
import { type SegmentName, segmentNameAt } from '../../kernel/wal-name.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import { OBJECT_LOCKED, REMOVE_DENIED } from '../../storage/problems.ts';
import type { WalObjectStored } from '../wal-archive.ts';
import type { WalCutter } from './wal-cutter.ts';
import { readWalKey, tailKey, tailPrefix } from './wal-format.ts';
import type { WalPlace } from './wal-objects.ts';

/** With a tail every two seconds: one a minute, one each half hour, one each fifteen hours. */
const JOINED_COUNT = 30;

interface Tail {
  readonly key: ObjectKey;
  readonly from: bigint;
  readonly to: bigint;
}

/** Tails that follow on each other, and which of them should be one. Pure. */
export class TailStack {
  readonly #joinedCount: number;
  #tails: (Tail & { readonly level: number })[] = [];

  constructor(joinedCount: number = JOINED_COUNT) {
    this.#joinedCount = joinedCount;
  }

  add(tail: Tail): void {
    this.#tails.push({ ...tail, level: 0 });
  }

  /** Those that should be joined now, oldest first; empty: none. */
  due(): readonly Tail[] {
    const last = this.#tails.slice(-this.#joinedCount);
    if (last.length < this.#joinedCount) return [];
    return last.every(({ level }) => level === last[0]?.level) ? last : [];
  }

  /** What was due is one object now. */
  joined(tail: Tail): void {
    const level = (this.#tails.at(-1)?.level ?? 0) + 1;
    this.#tails = [...this.#tails.slice(0, -this.#joinedCount), { ...tail, level }];
  }

  clear(): void {
    this.#tails = [];
  }
}

export interface WalTailsParts {
  readonly wal: WalPlace;
  readonly log: Log;
  readonly timeline: number;
  readonly segmentBytes: number;
  readonly cutter: WalCutter;
  /** Resolves when it is durable. */
  readonly put: (key: ObjectKey, bytes: Buffer) => Promise<void>;
  /** Around whatever else asks the store: one that does not answer must not hold us for ever. */
  readonly asking: (work: () => Promise<void>) => Promise<void>;
  /** It is durable. */
  readonly stored: (object: StoredTail, from: bigint, to: bigint) => void;
  /** Default: 30. */
  readonly joinedCount?: number | undefined;
}

export type StoredTail = Pick<WalObjectStored, 'key' | 'kind' | 'supersedes'>;

export class WalTails {
  readonly #parts: WalTailsParts;
  readonly #stack: TailStack;
  /** First byte of the segment that the stack is of. */
  #begin: bigint | undefined;
  /** Up to where tails of the current segment are stored. */
  #storedTo = 0n;
  #canRemove = true;
  #toldOfTails = false;

  constructor(parts: WalTailsParts) {
    this.#parts = parts;
    this.#stack = new TailStack(parts.joinedCount);
  }

  /** One call at a time. */
  async store(): Promise<void> {
    const { cutter, timeline, segmentBytes } = this.#parts;
    const to = cutter.position;
    const begin = cutter.segmentBegin;
    const isFirst = this.#begin === undefined;
    if (this.#begin !== begin) this.#stack.clear();
    this.#begin = begin;
    const from = this.#storedTo > begin ? this.#storedTo : begin;
    if (to <= from) return;
    const segment = segmentNameAt(timeline, lsnFromBytes(begin), segmentBytes);
    const bytes = cutter.copyFrom(from);
    this.#storedTo = to;
    // Whoever begins anew stores the segment from its first byte: what was stored before is in it.
    const before = isFirst && from === begin ? await this.#tailsUpTo(segment, to) : [];
    const tail = await this.#put(segment, { from, to, bytes }, before);
    this.#stack.add(tail);
    await this.#join(segment, begin);
  }

  /** The whole segment is durable. A store that forbids it keeps its tails: they harm nobody. */
  async segmentStored(name: SegmentName): Promise<void> {
    try {
      for (const { key } of await this.#tailsOf(name)) await this.#remove(key);
    } catch (error) {
      this.#keep(name, error);
    }
  }

  /** As many levels as are due, while their bytes are still at hand. */
  async #join(segment: SegmentName, begin: bigint): Promise<void> {
    const { cutter } = this.#parts;
    for (let due = this.#stack.due(); due.length > 0; due = this.#stack.due()) {
      const [from, to] = [due.at(0)?.from, due.at(-1)?.to];
      if (!this.#canRemove || cutter.segmentBegin !== begin) return;
      if (from === undefined || to === undefined) return;
      const bytes = cutter.copyFrom(from).subarray(0, Number(to - from));
      const keys = due.map(({ key }) => key);
      this.#stack.joined(await this.#put(segment, { from, to, bytes }, keys));
    }
  }

  async #put(
    segment: SegmentName,
    { from, to, bytes }: { readonly from: bigint; readonly to: bigint; readonly bytes: Buffer },
    supersedes: readonly ObjectKey[],
  ): Promise<Tail> {
    const { wal, put, stored } = this.#parts;
    const key = tailKey(wal.folder, { segment, from: lsnFromBytes(from), to: lsnFromBytes(to) });
    await put(key, bytes);
    const others = supersedes.filter((other) => other !== key);
    stored({ key, kind: 'tail', ...(others.length > 0 ? { supersedes: others } : {}) }, from, to);
    try {
      for (const other of others) await this.#remove(other);
    } catch (error) {
      this.#keep(segment, error);
    }
    return { key, from, to };
  }

  async #tailsUpTo(segment: SegmentName, to: bigint): Promise<readonly ObjectKey[]> {
    const tails = await this.#tailsOf(segment);
    return tails.flatMap((tail) => (tail.to <= to ? [tail.key] : []));
  }

  async #tailsOf(segment: SegmentName): Promise<readonly Tail[]> {
    const { wal, asking } = this.#parts;
    const tails: Tail[] = [];
    await asking(async () => {
      for await (const { key } of wal.store.list(tailPrefix(wal.folder, segment), wal)) {
        const object = readWalKey(wal.folder, key);
        if (object?.kind === 'tail')
          tails.push({ key, from: lsnBytes(object.from), to: lsnBytes(object.to) });
      }
    });
    return tails;
  }

  async #remove(key: ObjectKey): Promise<void> {
    const { wal, asking } = this.#parts;
    await asking(() => wal.store.remove(key, wal));
  }

  /** What cannot be removed stays. */
  #keep(segment: SegmentName, error: unknown): void {
    const { wal, log } = this.#parts;
    if (wal.signal.aborted) return;
    if (isProblem(error, REMOVE_DENIED) || isProblem(error, OBJECT_LOCKED)) this.#canRemove = false;
    const level = this.#toldOfTails ? 'debug' : 'warn';
    log[level]('Cannot remove tails that a longer object holds; they stay', { segment, error });
    this.#toldOfTails = true;
  }
}
