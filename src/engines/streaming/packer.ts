/**
 * Takes the bytes of files, cuts them into frames, lets worker threads compress and seal them, and puts
 * the packs they make. Memory is bounded: so many frames are under way, so many sealed bytes wait for
 * the store; `full` says when the source must pause.
 */
import { Worker } from 'node:worker_threads';

import { associatedData } from '../../encryption/format.ts';
import { beginObject } from '../../encryption/object.ts';
import type { BackupId } from '../../kernel/ids.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder, StoreAndKeys } from '../engine.ts';
import {
  FILE_PAGE_BYTES,
  FRAME_BYTES,
  PACK_BYTES_MAX,
  PACK_EXTENTS_MAX,
  PACK_FRAMES_MAX,
  packKey,
  packName,
} from './format.ts';
import type { PackEntry } from './manifest.ts';
import { PackBody } from './pack-body.ts';
import { CHEAPEST, type Compression, type Extent } from './pack-format.ts';
import { endWorker } from './worker-end.ts';
import { asBuffer, type PackAnswer, type PackOrder } from './worker-messages.ts';

/** Frames under way for each worker: enough that none waits (measured: 8 to 10 for two workers). */
const FRAMES_PER_WORKER = 4;
/** Sealed pieces, of about a segment each, that may wait for the store. */
const WAITING_PIECES_MAX = 8;
const REMOVE_MS = 60_000;

export interface PackerOptions extends StoreAndKeys {
  readonly folder: ClusterFolder;
  readonly backupId: BackupId;
  readonly workers: number;
  /** Default: zstd at its cheapest. */
  readonly compression?: Compression;
  readonly signal: AbortSignal;
  /** There is room again. */
  readonly onRoom: () => void;
  /** A worker or the store has failed: nothing more will come of it. */
  readonly onFailure: (error: unknown) => void;
  /** For tests: packs are ended sooner. */
  readonly packBytesMax?: number;
}

interface Pack {
  readonly name: string;
  readonly key: ObjectKey;
  readonly body: PackBody;
  readonly done: Promise<PackEntry>;
  frames: number;
  extents: number;
  storedBytes: number;
}

/** One worker with its packs: orders go to the last of them, answers come for the first. */
interface Lane {
  readonly worker: Worker;
  readonly packs: Pack[];
  /** Frames that the worker has not answered, in order. */
  readonly underWay: SharedArrayBuffer[];
}

interface OpenFrame {
  readonly memory: SharedArrayBuffer;
  readonly bytes: Buffer;
  readonly extents: Extent[];
  lengthBytes: number;
}

export class Packer implements AsyncDisposable {
  readonly #options: PackerOptions;
  readonly #lanes: Lane[];
  /** All that were begun, in order. */
  readonly #packs: Pick<Pack, 'key' | 'done'>[] = [];
  /** Those that are not stored yet: few, however large the backup is. */
  readonly #unstored = new Set<PackBody>();
  /** Shared, not handed over: memory that changes hands is counted as new by every thread's collector. */
  readonly #free: SharedArrayBuffer[] = [];
  /** Made so far; they are used again. */
  #frames = 0;
  #frame: OpenFrame | undefined;
  #underWay = 0;
  #wasFull = false;
  #failed = false;
  #kept = false;

  constructor(options: PackerOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.workers }, () => this.#openLane());
  }

  /** True: take no more until `onRoom` is called. */
  get full(): boolean {
    this.#wasFull =
      this.#underWay >= FRAMES_PER_WORKER * this.#lanes.length ||
      this.#waitingPieces > WAITING_PIECES_MAX;
    return this.#wasFull;
  }

  /** Memory for bytes on their way; sealed pieces are counted as if each were a whole segment. */
  get heldBytes(): number {
    return (this.#frames + this.#waitingPieces) * FRAME_BYTES;
  }

  get #waitingPieces(): number {
    let pieces = 0;
    for (const { waitingPieces } of this.#unstored) pieces += waitingPieces;
    return pieces;
  }

  /**
   * Copies `buffer[start, end)`, which belongs to `file` at `offsetBytes`. Frames begin and end at whole
   * pages of a file, so that each can be written, and any page be read, without its neighbours.
   */
  add(file: number, offsetBytes: number, buffer: Buffer, [start, end]: [number, number]): void {
    for (let at = start; at < end; ) {
      this.#frame ??= this.#beginFrame();
      const frame = this.#frame;
      const fileBytes = offsetBytes + at - start;
      const room = roomInPages(FRAME_BYTES - frame.lengthBytes, fileBytes);
      const taken = Math.min(room, end - at);
      if (taken > 0) {
        buffer.copy(frame.bytes, frame.lengthBytes, at, at + taken);
        frame.lengthBytes += taken;
        extend(frame.extents, [file, fileBytes, taken]);
        at += taken;
      }
      if (taken === room) this.#cut();
    }
  }

  /** Ends every pack; resolves when all of them are stored. */
  async finish(): Promise<readonly PackEntry[]> {
    this.#cut();
    for (const lane of this.#lanes) if (lane.packs.length > 0) send(lane, { kind: 'end' });
    return await Promise.all(this.#packs.map(({ done }) => done));
  }

  /** The manifest is written: the packs belong to a backup now. */
  keep(): void {
    this.#kept = true;
  }

  /** Ends the workers; unless `keep()` was called, removes what was stored. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#failed = true;
    await Promise.all(this.#lanes.map(async ({ worker }) => endWorker(worker)));
    if (this.#kept) return;
    for (const body of this.#unstored) body.destroy(new Error('The backup did not end'));
    await Promise.allSettled(this.#packs.map(({ done }) => done));
    const signal = AbortSignal.timeout(REMOVE_MS);
    const { store } = this.#options;
    // What stays is found by sweepUnfinished().
    await Promise.allSettled(this.#packs.map(async ({ key }) => store.remove(key, { signal })));
  }

  #beginFrame(): OpenFrame {
    const memory = this.#free.pop() ?? this.#newMemory();
    return { memory, bytes: Buffer.from(memory), extents: [], lengthBytes: 0 };
  }

  #newMemory(): SharedArrayBuffer {
    this.#frames++;
    return new SharedArrayBuffer(FRAME_BYTES);
  }

  #cut(): void {
    const frame = this.#frame;
    this.#frame = undefined;
    if (frame === undefined || this.#failed) return;
    const lane = this.#lanes.reduce((a, b) => (b.underWay.length < a.underWay.length ? b : a));
    const pack = this.#openPack(lane);
    pack.frames++;
    pack.extents += frame.extents.length;
    lane.underWay.push(frame.memory);
    this.#underWay++;
    const { extents, lengthBytes, memory } = frame;
    send(lane, { kind: 'frame', bytes: memory, lengthBytes, extents });
  }

  #openPack(lane: Lane): Pack {
    const last = lane.packs.at(-1);
    const { packBytesMax = PACK_BYTES_MAX } = this.#options;
    if (last !== undefined) {
      if (last.storedBytes < packBytesMax && !isLong(last)) return last;
      send(lane, { kind: 'end' });
    }
    const pack = this.#beginPack(lane);
    lane.packs.push(pack);
    const { key, done } = pack;
    this.#packs.push({ key, done });
    return pack;
  }

  #beginPack(lane: Lane): Pack {
    const { store, ring, folder, backupId, signal } = this.#options;
    const name = packName(this.#packs.length + 1);
    const key = packKey(folder, backupId, name);
    const identity = { systemId: folder.systemId, name: key };
    const { head, dataKey } = beginObject(ring, identity);
    const body = new PackBody(() => this.#tellRoom());
    body.on('error', ignore);
    body.add(head);
    const put = store.put(key, body, { signal });
    const pack: Pack = {
      name,
      key,
      body,
      frames: 0,
      extents: 0,
      storedBytes: 0,
      done: put.then(({ sizeBytes }) => ({ name, sizeBytes, frames: pack.frames })),
    };
    this.#unstored.add(body);
    pack.done
      .finally(() => this.#unstored.delete(body))
      .catch((error: unknown) => this.#fail(error));
    const { compression = CHEAPEST } = this.#options;
    send(lane, { kind: 'begin', dataKey, associated: associatedData(identity), compression });
    return pack;
  }

  #openLane(): Lane {
    const worker = new Worker(new URL('./pack-worker.ts', import.meta.url), { name: 'dbdr-pack' });
    const lane: Lane = { worker, packs: [], underWay: [] };
    worker.on('message', (answer: PackAnswer) => this.#answered(lane, answer));
    worker.on('error', (error) => this.#fail(error));
    return lane;
  }

  #answered(lane: Lane, answer: PackAnswer): void {
    const [pack] = lane.packs;
    if (pack === undefined || this.#failed) return;
    for (const part of answer.sealed) pack.body.add(asBuffer(part));
    if (answer.kind === 'frame') {
      pack.storedBytes += answer.storedBytes;
      this.#underWay--;
      const memory = lane.underWay.shift();
      if (memory !== undefined) this.#free.push(memory);
      this.#tellRoom();
    }
    if (answer.kind === 'ended') {
      pack.body.finish();
      lane.packs.shift();
    }
  }

  #tellRoom(): void {
    if (this.#wasFull && !this.#failed && !this.full) this.#options.onRoom();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.onFailure(error);
  }
}

/** How much of a file goes into `room` bytes from `offsetBytes` of it on, up to the end of a page. */
function roomInPages(room: number, offsetBytes: number): number {
  return Math.max(0, room - ((offsetBytes + room) % FILE_PAGE_BYTES));
}

/** Joins what continues the last extent. */
function extend(extents: Extent[], [file, offsetBytes, lengthBytes]: Extent): void {
  const last = extents.at(-1);
  if (last !== undefined && last[0] === file && last[1] + last[2] === offsetBytes)
    last[2] += lengthBytes;
  else extents.push([file, offsetBytes, lengthBytes]);
}

function isLong({ frames, extents }: Pack): boolean {
  return frames >= PACK_FRAMES_MAX || extents >= PACK_EXTENTS_MAX;
}

function send(lane: Lane, order: PackOrder): void {
  lane.worker.postMessage(order, []);
}

function ignore(): void {
  // Nothing to do: whoever waits for the pack is told.
}
