/** Opens a pack for reading: its frames first, from the end, then any range or all of it. */
import { type EncryptedObject, FIRST_READ_BYTES, openObject } from '../../encryption/object.ts';
import { plainBegin, segmentOfPlain, segmentRange } from '../../encryption/tink-stream.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder, StoreAndKeys } from '../engine.ts';
import { readFooter, readTrailer } from './pack-footer.ts';
import { damaged, type Frame, TRAILER_BYTES } from './pack-format.ts';

export interface OpenPack {
  readonly key: ObjectKey;
  readonly object: EncryptedObject;
  readonly frames: readonly Frame[];
  /** Plain bytes that frames take; the footer begins there. */
  readonly framesBytes: number;
  /** What was read of the store to know the frames. */
  readonly indexBytes: number;
}

/** @throws Problem STORAGE_OBJECT_MISSING, OBJECT_DAMAGED, DECRYPTION_FAILED, BACKUP_DAMAGED, KEY_* */
export async function openPack(
  { store, ring }: StoreAndKeys,
  folder: ClusterFolder,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<OpenPack> {
  const identity = { systemId: folder.systemId, name: key };
  const object = await openObject({ store, key, ring, identity, signal });
  const trailerAt = object.plainBytes - TRAILER_BYTES;
  if (trailerAt < 0) throw damaged(key, 'it is too short');
  // The trailer's segment mostly holds the whole footer: it is read once.
  const tailAt = plainBegin(segmentOfPlain(trailerAt));
  const tail = await object.readRange(tailAt, object.plainBytes - tailAt);
  const trailer = readTrailer(tail.subarray(trailerAt - tailAt), key);
  const framesBytes = trailerAt - trailer.footerBytes;
  if (framesBytes < 0) throw damaged(key, 'it is too short');
  const early = await object.readRange(framesBytes, Math.max(0, tailAt - framesBytes));
  const late = tail.subarray(Math.max(0, framesBytes - tailAt), trailerAt - tailAt);
  const frames = readFooter(Buffer.concat([early, late]), framesBytes, key);
  if (frames.length !== trailer.frames) throw damaged(key, 'its index does not agree with itself');
  const { streamBytes } = object.sealed;
  const [indexFrom] = segmentRange(segmentOfPlain(Math.min(framesBytes, tailAt)), streamBytes);
  const indexBytes = FIRST_READ_BYTES + streamBytes - indexFrom;
  return { key, object, frames, framesBytes, indexBytes };
}
