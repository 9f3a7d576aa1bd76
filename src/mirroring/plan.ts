/**
 * What one store lacks of another, from their listings alone, in the order that protects: packs before
 * the manifest that makes them a backup, segments in the order of the log, tails only of segments that
 * are not whole. Pure, and flat in memory however much is stored: both listings are sorted, and are read
 * side by side; of tails, those of one segment are remembered.
 */
import { parseBackupKey } from '../engines/streaming/format.ts';
import { joinTails } from '../engines/streaming/wal-runs.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import type { ObjectInfo, ObjectKey } from '../storage/object-store.ts';
import { walObjectOf } from './copy.ts';

/** One name in either listing; undefined: that store has no such object. */
export interface Joined {
  readonly key: ObjectKey;
  readonly sourceBytes: number | undefined;
  readonly targetBytes: number | undefined;
}

export type Step =
  | { readonly do: 'copy'; readonly key: ObjectKey; readonly sizeBytes: number }
  /** A manifest whose packs have all been named before: from then on the backup exists there. */
  | { readonly do: 'commit'; readonly key: ObjectKey; readonly sizeBytes: number }
  /** A manifest that both have. */
  | { readonly do: 'held'; readonly key: ObjectKey }
  /** Both have it, and not the same. */
  | { readonly do: 'conflict'; readonly key: ObjectKey }
  /** A tail whose segment the target has whole, and that the source has removed. */
  | { readonly do: 'tidy'; readonly key: ObjectKey }
  /** A tail that the source has joined with others and removed: only while the target has those of `by`. */
  | { readonly do: 'supersede'; readonly key: ObjectKey; readonly by: readonly ObjectKey[] };

type Listing = AsyncIterable<ObjectInfo>;

// Every name of both listings once, in order.
export async function* joinListings(source: Listing, target: Listing): AsyncGenerator<Joined> {
  await using left = new Reader(source);
  await using right = new Reader(target);
  await Promise.all([left.next(), right.next()]);
  for (;;) {
    const key = smaller(left.key, right.key);
    if (key === undefined) return;
    yield { key, sourceBytes: left.bytesOf(key), targetBytes: right.bytesOf(key) };
    if (left.key === key) await left.next();
    if (right.key === key) await right.next();
  }
}

function smaller(a: ObjectKey | undefined, b: ObjectKey | undefined): ObjectKey | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** A listing with its next entry in sight. */
class Reader implements AsyncDisposable {
  readonly #listing: AsyncIterator<ObjectInfo, unknown>;
  #head: ObjectInfo | undefined;

  constructor(listing: Listing) {
    this.#listing = listing[Symbol.asyncIterator]();
  }

  get key(): ObjectKey | undefined {
    return this.#head?.key;
  }

  bytesOf(key: ObjectKey): number | undefined {
    return this.#head?.key === key ? this.#head.sizeBytes : undefined;
  }

  async next(): Promise<void> {
    const result = await this.#listing.next();
    this.#head = result.done === true ? undefined : result.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A listing that has failed has told why; closing it says nothing more.
    await this.#listing.return?.().catch(() => undefined);
  }
}

// For names below `base/`, where a manifest sorts before its packs: it is held back until they have
// passed. Backups that the source has not committed are left alone, and so is one with a conflict.
export async function* planBackups(joined: AsyncIterable<Joined>): AsyncGenerator<Step> {
  let group = '';
  let manifest: Joined | undefined;
  let isBroken = false;
  for await (const one of joined) {
    const object = parseBackupKey(one.key);
    if (object === undefined) continue;
    const id = `${object.folder} ${object.backupId}`;
    if (id !== group) {
      if (!isBroken) yield* commitment(manifest);
      [group, manifest, isBroken] = [id, undefined, false];
    }
    if (object.name === 'manifest') {
      manifest = one.sourceBytes === undefined ? undefined : one;
      continue;
    }
    if (manifest === undefined) continue;
    const step = copyStep(one);
    if (step?.do === 'conflict') isBroken = true;
    if (step !== undefined) yield step;
  }
  if (!isBroken) yield* commitment(manifest);
}

function* commitment(manifest: Joined | undefined): Generator<Step> {
  if (manifest === undefined) return;
  const step = copyStep(manifest);
  if (step === undefined) yield { do: 'held', key: manifest.key };
  else yield step.do === 'copy' ? { ...step, do: 'commit' } : step;
}

// For names below `wal/`: their order is that of the log, a timeline's history before its segments.
export async function* planWal(joined: AsyncIterable<Joined>): AsyncGenerator<Step> {
  for await (const one of joined) {
    const step = copyStep(one);
    if (step !== undefined) yield step;
  }
}

// For names below `tail/`. `isWhole` tells of a folder `…/tail/<timeline>/<segment>/` whether its whole
// segment is in that store; it is asked once a segment, and only where something differs.
export async function* planTails(
  joined: AsyncIterable<Joined>,
  isWhole: (folder: string, where: 'source' | 'target') => Promise<boolean>,
): AsyncGenerator<Step> {
  let group: TailGroup | undefined;
  for await (const one of joined) {
    const folder = one.key.slice(0, one.key.lastIndexOf('/') + 1);
    if (group?.folder !== folder) {
      yield* superseded(group);
      group = { folder, whole: undefined, held: [], spare: [] };
    }
    if (one.sourceBytes === one.targetBytes) {
      group.held.push(one.key);
      continue;
    }
    group.whole ??= {
      source: await isWhole(folder, 'source'),
      target: await isWhole(folder, 'target'),
    };
    if (one.sourceBytes === undefined) {
      if (group.whole.target) yield { do: 'tidy', key: one.key };
      else group.spare.push(one.key);
      continue;
    }
    const step = group.whole.source ? undefined : copyStep(one);
    if (step?.do === 'copy') group.held.push(step.key);
    if (step !== undefined) yield step;
  }
  yield* superseded(group);
}

/** The tails of one segment. */
interface TailGroup {
  readonly folder: string;
  whole: { readonly source: boolean; readonly target: boolean } | undefined;
  /** Both stores have them, once what is copied is there. */
  readonly held: ObjectKey[];
  /** Only the target has them. */
  readonly spare: ObjectKey[];
}

// What no other tail holds may be the only copy of its bytes: it stays.
function* superseded(group: TailGroup | undefined): Generator<Step> {
  if (group === undefined || group.spare.length === 0) return;
  const held = group.held.flatMap((key) => tailOf(key) ?? []);
  for (const key of group.spare) {
    const tail = tailOf(key);
    if (tail === undefined) continue;
    const chain = joinTails(tail.from, held);
    const end = chain.findIndex(({ to }) => to >= tail.to);
    if (end < 0) continue;
    yield { do: 'supersede', key, by: chain.slice(0, end + 1).map((one) => one.key) };
  }
}

interface Tail {
  readonly key: ObjectKey;
  readonly from: bigint;
  readonly to: bigint;
}

function tailOf(key: ObjectKey): Tail | undefined {
  const wal = walObjectOf(key)?.wal;
  if (wal?.kind !== 'tail') return undefined;
  return { key, from: lsnBytes(wal.from), to: lsnBytes(wal.to) };
}

/** Undefined: there is nothing to do. */
function copyStep({ key, sourceBytes, targetBytes }: Joined): Step | undefined {
  if (sourceBytes === undefined || sourceBytes === targetBytes) return undefined;
  if (targetBytes !== undefined) return { do: 'conflict', key };
  return { do: 'copy', key, sizeBytes: sourceBytes };
}
