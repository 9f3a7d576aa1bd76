/**
 * Stored WAL as the rest of the house sees it (`wal-archive.ts`): which runs there are, what is missing
 * between them, and the file PostgreSQL asks for. A segment is checked against the hash in its name; an
 * unfinished one is joined from its tails as far as they are unbroken, and ends there.
 */
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import {
  isSegmentName,
  type SegmentName,
  segmentNameAt,
  segmentPlace,
} from '../../kernel/wal-name.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import { OBJECT_MISSING } from '../../storage/problems.ts';
import type { WalArchive, WalFork, WalInventory, WalRun, WalThinned } from '../wal-archive.ts';
import {
  clusterPrefix,
  historyKey,
  readThinnedKey,
  readWalKey,
  segmentPrefix,
  type TailPlace,
  tailPrefix,
  thinnedPrefix,
  type WalObject,
} from './wal-format.ts';
import { readFork } from './wal-history.ts';
import { HISTORY_BYTES_MAX, readWal, type WalPlace } from './wal-objects.ts';
import { WAL_DAMAGED } from './wal-problems.ts';
import { findRuns, joinTails, type StoredPiece } from './wal-runs.ts';

type InventoryRequest = Parameters<WalArchive['inventory']>[0];
type SegmentRequest = Omit<Parameters<WalArchive['read']>[0], 'name'>;

export const walStore: WalArchive = {
  inventory,
  read: async ({ name, ...request }) =>
    isSegmentName(name) ? readStoredSegment(request, name) : readHistory(request, name),
};

/** The head of an encrypted object, its stream's header and one tag: whatever is smaller holds nothing. */
const OBJECT_BYTES_MIN = 64;

async function inventory(request: InventoryRequest): Promise<WalInventory> {
  const { segmentBytes, withContents = false } = request;
  const { pieces, segments, ...listed } = await listWal(request);
  // With two contents nobody can tell which one is true: `fetch()` refuses it, so it covers nothing.
  const conflicts: SegmentName[] = [];
  for (const [name, contents] of segments)
    if (contents.length === 1) pieces.push(wholeSegment(name, segmentBytes));
    else conflicts.push(name);
  const thinned = await thinnedMarks(request);
  const { runs, holes } = findRuns(pieces, segmentBytes, thinned);
  const missing = holes.map(({ timeline, lsn }) => segmentNameAt(timeline, lsn, segmentBytes));
  const forks = await readForks(request, listed.histories);
  const found = { ...listed, runs, missing, conflicts, forks, thinned, segments: segments.size };
  return withContents ? { ...found, contents: segments } : found;
}

interface ListedWal {
  /** Of tails. */
  readonly pieces: StoredPiece[];
  /** Their contents; only how many where nobody asked for more. */
  readonly segments: ReadonlyMap<SegmentName, readonly string[]>;
  readonly histories: readonly string[];
  readonly storedBytes: number;
}

async function listWal(request: InventoryRequest): Promise<ListedWal> {
  const pieces: StoredPiece[] = [];
  const histories: string[] = [];
  const segments = new Map<SegmentName, readonly string[]>();
  let storedBytes = 0;
  for (const part of ['wal/', 'tail/'] as const) {
    for await (const { sizeBytes, object } of storedWal(request, part)) {
      storedBytes += sizeBytes;
      // Names alone cover nothing. What was cut later is found when it is read.
      if (sizeBytes < OBJECT_BYTES_MIN) continue;
      if (object.kind === 'history') histories.push(object.name);
      if (object.kind === 'tail') pieces.push(tailPiece(object));
      if (object.kind !== 'segment') continue;
      const known = segments.get(object.name);
      const contents = request.withContents === true ? [object.contentName] : UNTOLD;
      segments.set(object.name, known === undefined ? contents : [...known, ...contents]);
    }
  }
  return { pieces, segments, histories, storedBytes };
}

/** One content, shared by all segments so that it takes no memory. */
const UNTOLD: readonly string[] = [''];

/** They are few, and of a few lines each. */
async function readForks(
  request: InventoryRequest,
  histories: readonly string[],
): Promise<readonly WalFork[]> {
  const forks: WalFork[] = [];
  for (const name of histories) {
    try {
      const content = await readHistory(request, name);
      const timeline = Number.parseInt(name.slice(0, 8), 16);
      const fork = content && readFork(content.toString('utf8'), timeline);
      if (fork !== undefined) forks.push(fork);
    } catch (error) {
      // Nobody can be brought over it; what lies beside it is as good as before.
      if (!isProblem(error) || error.kind.retry !== 'never') throw error;
    }
  }
  return forks;
}

async function thinnedMarks({
  store,
  folder,
  range,
  signal,
}: InventoryRequest): Promise<readonly WalThinned[]> {
  // A range is asked for to see whether it is unbroken: why it is not does not matter.
  if (range !== undefined) return [];
  const marks: WalThinned[] = [];
  for await (const { key } of store.list(thinnedPrefix(folder), { signal })) {
    const mark = readThinnedKey(key);
    if (mark !== undefined) marks.push(mark);
  }
  return marks;
}

interface StoredObject {
  readonly sizeBytes: number;
  readonly object: WalObject;
}

// Names sort the way positions do, so a range is sought and then left.
async function* storedWal(
  { store, folder, segmentBytes, range, signal }: InventoryRequest,
  part: 'wal/' | 'tail/',
): AsyncGenerator<StoredObject, void, undefined> {
  const all = clusterPrefix(folder) + part;
  const first = range && segmentNameAt(range.timeline, range.fromLsn, segmentBytes);
  const prefix = first === undefined ? all : `${all}${first.slice(0, 8)}/`;
  const options = first === undefined ? { signal } : { signal, after: `${prefix}${first}` };
  for await (const { key, sizeBytes } of store.list(prefix, options)) {
    const object = readWalKey(folder, key);
    if (object === undefined) continue;
    if (range !== undefined && isBehind(object, range, segmentBytes)) return;
    yield { sizeBytes, object };
  }
}

function isBehind(object: WalObject, { toLsn }: WalRun, segmentBytes: number): boolean {
  if (object.kind === 'history') return false;
  const name = object.kind === 'tail' ? object.segment : object.name;
  return compareLsn(segmentPlace(name, segmentBytes).beginLsn, toLsn) >= 0;
}

function wholeSegment(name: SegmentName, segmentBytes: number): StoredPiece {
  const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
  const from = lsnBytes(beginLsn);
  return { timeline, from, to: from + BigInt(segmentBytes) };
}

function tailPiece({ segment, from, to }: TailPlace): StoredPiece {
  const timeline = Number.parseInt(segment.slice(0, 8), 16);
  return { timeline, from: lsnBytes(from), to: lsnBytes(to) };
}

async function readHistory(request: SegmentRequest, name: string): Promise<Buffer | undefined> {
  const key = historyKey(request.folder, name);
  if ((await request.store.stat(key, request)) === undefined) return undefined;
  return await readWal(request, key, { bytesMax: HISTORY_BYTES_MAX, into: request.into });
}

/** Tails are joined, and go with their segment, while somebody reads them. */
const READ_ATTEMPTS_MAX = 5;

/** The whole segment, or as much of it as its tails hold. @throws Problem WAL_DAMAGED */
export async function readStoredSegment(
  request: SegmentRequest,
  name: SegmentName,
): Promise<Buffer | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const whole = await readWhole(request, name);
      if (whole !== undefined) return whole;
      const joined = await readTails(request, name);
      // Tails go once the whole segment is stored: it may have come between the two looks.
      return joined ?? (await readWhole(request, name));
    } catch (error) {
      if (attempt === READ_ATTEMPTS_MAX || !isProblem(error, OBJECT_MISSING)) throw error;
    }
  }
}

async function readWhole(request: SegmentRequest, name: SegmentName): Promise<Buffer | undefined> {
  const { store, ring, folder, segmentBytes, into, signal } = request;
  const keys: ObjectKey[] = [];
  for await (const { key } of store.list(segmentPrefix(folder, name), { signal })) keys.push(key);
  const [key, other] = keys;
  if (key === undefined) return undefined;
  if (other !== undefined)
    throw damaged(name, `it is stored with two contents, "${key}" and "${other}"`);
  const content = await readWal(request, key, { bytesMax: segmentBytes, into });
  const stored = readWalKey(folder, key);
  if (content.length !== segmentBytes)
    throw damaged(name, `it has ${content.length} bytes instead of ${segmentBytes}`);
  if (stored?.kind !== 'segment' || ring.contentName(content) !== stored.contentName)
    throw damaged(name, 'its content is not the one its name stands for');
  return content;
}

async function readTails(request: SegmentRequest, name: SegmentName): Promise<Buffer | undefined> {
  const { store, folder, segmentBytes, into, signal } = request;
  const tails: { readonly key: ObjectKey; readonly from: bigint; readonly to: bigint }[] = [];
  for await (const { key } of store.list(tailPrefix(folder, name), { signal })) {
    const object = readWalKey(folder, key);
    if (object?.kind === 'tail')
      tails.push({ key, from: lsnBytes(object.from), to: lsnBytes(object.to) });
  }
  if (tails.length === 0) return undefined;
  const begin = lsnBytes(segmentPlace(name, segmentBytes).beginLsn);
  const chain = joinTails(begin, tails);
  const last = chain.at(-1);
  if (last === undefined) throw damaged(name, `its stored parts begin only at ${firstOf(tails)}`);
  const segment = (into ?? Buffer.allocUnsafeSlow(segmentBytes)).subarray(0, segmentBytes);
  for (const tail of chain)
    await copyTail(request, tail, segment.subarray(Number(tail.from - begin)));
  return segment.subarray(0, Number(last.to - begin));
}

async function copyTail(
  place: WalPlace,
  tail: { readonly key: ObjectKey; readonly from: bigint; readonly to: bigint },
  target: Buffer,
): Promise<void> {
  const lengthBytes = Number(tail.to - tail.from);
  if (lengthBytes > target.length)
    throw damaged(
      tail.key,
      `it has ${lengthBytes} bytes, and its segment has ${target.length} left`,
    );
  const bytes = await readWal(place, tail.key, { bytesMax: lengthBytes, into: target });
  if (bytes.length !== lengthBytes)
    throw damaged(tail.key, `it has ${bytes.length} bytes instead of ${lengthBytes}`);
}

function firstOf(tails: readonly { readonly from: bigint }[]): Lsn {
  return lsnFromBytes(tails.map(({ from }) => from).reduce((a, b) => (a < b ? a : b)));
}

function damaged(name: string, why: string): Problem {
  return new Problem(WAL_DAMAGED, `Cannot use the stored WAL "${name}": ${why}`, {
    facts: { name },
  });
}
