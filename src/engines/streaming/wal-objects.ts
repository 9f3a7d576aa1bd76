/**
 * Stores and reads the objects of `wal-format.ts`: one zstd frame in one encrypted object. What is
 * already there under its name is left alone, because the name says what it holds.
 */
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createZstdDecompress, zstdCompress } from 'node:zlib';

import { encryptObject, openObject } from '../../encryption/object.ts';
import { release } from '../../kernel/memory.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import type { SegmentName } from '../../kernel/wal-name.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder, StoreAndKeys } from '../engine.ts';
import { readWalKey, segmentPrefix, walIdentity } from './wal-format.ts';
import { WAL_CONFLICT, WAL_DAMAGED } from './wal-problems.ts';

export interface WalPlace extends StoreAndKeys {
  readonly folder: ClusterFolder;
  readonly signal: AbortSignal;
}

/** Measured: level 3 costs twice the CPU and saves 1.3 %; a negative level is treated as unset. */
const LEVEL = 1;

/** What a frame may be larger than what is in it. */
const FRAME_BYTES_MAX = 1024 * 1024;

/**
 * What is packed and unpacked at once. In the 16 KiB that are the default, a segment takes 42 ms of CPU
 * instead of 26 to be packed and 44 instead of 10 to be unpacked (measured).
 */
const [PACKED_BYTES, PIECE_BYTES] = [1024 * 1024, 256 * 1024];

/** Room for what is of unknown size, before it has to grow: the usual segment. */
const ROOM_BYTES = 16 * 1024 * 1024;

/** A timeline's history is a few lines of text. */
export const HISTORY_BYTES_MAX = 1024 * 1024;

const compress = promisify(zstdCompress);

/**
 * Resolves when the object is durable. `plain` may be used again afterwards. `turn` is waited for before
 * the object appears; everything else is done before.
 *
 * @throws Problem WAL_CONFLICT when the name does not say the content and another content is there.
 */
export async function putWal(
  place: WalPlace,
  key: ObjectKey,
  plain: Buffer,
  turn: () => Promise<void> = async () => undefined,
): Promise<'written' | 'already there'> {
  const { store, ring, folder, signal } = place;
  // Encrypting again would give other bytes under the same name, which the store refuses.
  if ((await store.stat(key, { signal })) !== undefined) {
    if (readWalKey(folder, key)?.kind !== 'segment') await requireSame(place, key, plain);
    return 'already there';
  }
  const packed = await compress(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
    chunkSize: Math.max(constants.Z_MIN_CHUNK, Math.min(plain.length, PACKED_BYTES)),
  });
  const sealed = encryptObject([packed], {
    ring,
    identity: walIdentity(folder, key),
  });
  await turn();
  const written = await store.put(key, Readable.from(sealed), { signal });
  return written.outcome;
}

/** A key under which the segment is stored with other bytes than `key` says; undefined: it is not. */
export async function otherContent(
  { store, folder, signal }: WalPlace,
  name: SegmentName,
  key: ObjectKey,
): Promise<ObjectKey | undefined> {
  let other: ObjectKey | undefined;
  for await (const stored of store.list(segmentPrefix(folder, name), { signal }))
    if (stored.key !== key) other = stored.key;
  return other;
}

/** Bytes that are not stored must not be taken for stored because others have their name. */
async function requireSame(place: WalPlace, key: ObjectKey, plain: Buffer): Promise<void> {
  const bytesMax = Math.max(plain.length, HISTORY_BYTES_MAX);
  const stored = await readWal(place, key, { bytesMax });
  if (stored.equals(plain)) return;
  throw new Problem(WAL_CONFLICT, `Cannot store "${key}": other bytes are stored under that name`, {
    facts: { key },
  });
}

export interface Room {
  /** What holds more is damaged. */
  readonly bytesMax: number;
  /** Of at least so many bytes: it is read into this, and the answer is a part of it. Default: memory of its own. */
  readonly into?: Buffer | undefined;
}

/** @throws Problem WAL_DAMAGED when it does not decrypt or unpack; STORAGE_* when it cannot be read. */
export async function readWal(place: WalPlace, key: ObjectKey, room: Room): Promise<Buffer> {
  const { store, ring, folder, signal } = place;
  try {
    const object = await openObject({
      store,
      key,
      ring,
      identity: walIdentity(folder, key),
      signal,
    });
    const packed = await object.readAll({ maxBytes: room.bytesMax + FRAME_BYTES_MAX });
    const plain = await unpack(packed, room);
    release(packed);
    return plain;
  } catch (error) {
    signal.throwIfAborted();
    if (isProblem(error) && !DAMAGE.test(error.kind.code)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem(WAL_DAMAGED, `Cannot read "${key}": ${why}`, {
      facts: { key },
      cause: error,
    });
  }
}

async function unpack(packed: Buffer, { bytesMax, into }: Room): Promise<Buffer> {
  const unpacking = createZstdDecompress({ chunkSize: PIECE_BYTES });
  const pieces: AsyncIterable<Buffer> = unpacking;
  let plain = into ?? Buffer.allocUnsafeSlow(Math.min(bytesMax, ROOM_BYTES));
  let end = 0;
  unpacking.end(packed);
  for await (const piece of pieces) {
    const begin = end;
    end += piece.length;
    if (end > bytesMax) throw new RangeError(`it holds more than ${bytesMax} bytes`);
    if (end > plain.length) plain = Buffer.concat([plain], Math.min(bytesMax, 2 * end));
    piece.copy(plain, begin);
    // One that is full is not written to again; the last may be.
    if (piece.length === PIECE_BYTES) release(piece);
  }
  return plain.subarray(0, end);
}

/** What encryption says of bytes that were changed, cut or moved. */
const DAMAGE = /DECRYPT|DAMAGED|CORRUPT/;
