/**
 * Stores and reads the objects of `wal-format.ts`: one zstd frame in one encrypted object. What is
 * already there under its name is left alone, because the name says what it holds.
 */
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

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

/** A timeline's history is a few lines of text. */
export const HISTORY_BYTES_MAX = 1024 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

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
  const stored = await readWal(place, key, Math.max(plain.length, HISTORY_BYTES_MAX));
  if (stored.equals(plain)) return;
  throw new Problem(WAL_CONFLICT, `Cannot store "${key}": other bytes are stored under that name`, {
    facts: { key },
  });
}

/** @throws Problem WAL_DAMAGED when it does not decrypt or unpack; STORAGE_* when it cannot be read. */
export async function readWal(
  place: WalPlace,
  key: ObjectKey,
  plainBytesMax: number,
): Promise<Buffer> {
  const { store, ring, folder, signal } = place;
  try {
    const object = await openObject({
      store,
      key,
      ring,
      identity: walIdentity(folder, key),
      signal,
    });
    const packed = await object.readAll({ maxBytes: plainBytesMax + FRAME_BYTES_MAX });
    const plain = await decompress(packed, {
      maxOutputLength: Math.max(1, plainBytesMax),
      // In one piece: a segment takes 10 ms instead of 44. One that were full would be followed by another.
      chunkSize: plainBytesMax + constants.Z_MIN_CHUNK,
    });
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

/** What encryption says of bytes that were changed, cut or moved. */
const DAMAGE = /DECRYPT|DAMAGED|CORRUPT/;
