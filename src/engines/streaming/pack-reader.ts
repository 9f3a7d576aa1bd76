/** Opens a pack for reading: its frames first, from the end, then any range or all of it. */
import { type EncryptedObject, openObject } from '../../encryption/object.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder, StoreAndKeys } from '../engine.ts';
import { damaged, type Frame, readFooter, readTrailer, TRAILER_BYTES } from './pack-format.ts';

export interface OpenPack {
  readonly key: ObjectKey;
  readonly object: EncryptedObject;
  readonly frames: readonly Frame[];
  /** Plain bytes that frames take; the footer begins there. */
  readonly framesBytes: number;
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
  const trailer = readTrailer(await object.readRange(trailerAt, TRAILER_BYTES), key);
  const framesBytes = trailerAt - trailer.footerBytes;
  if (framesBytes < 0) throw damaged(key, 'it is too short');
  const footer = await object.readRange(framesBytes, trailer.footerBytes);
  const frames = readFooter(footer, framesBytes, key);
  if (frames.length !== trailer.frames) throw damaged(key, 'its index does not agree with itself');
  return { key, object, frames, framesBytes };
}
