/**
 * Restores a few files of a pack: only the stretches that hold their frames are read. On the main
 * thread, a frame at a time, so that memory stays flat; for all files of a backup there are lanes.
 */
import { open } from 'node:fs/promises';

import { associatedData } from '../../encryption/format.ts';
import { plainBegin, StreamOpener, segmentRange } from '../../encryption/tink-stream.ts';
import type { ClusterFolder } from '../engine.ts';
import { type FrameRun, frameRuns, type WantedFrame } from './frame-runs.ts';
import { damaged, decompressFrame } from './pack-format.ts';
import type { OpenPack } from './pack-reader.ts';
import type { RestorePlaces } from './restore-paths.ts';

export interface RunsRequest {
  readonly folder: ClusterFolder;
  readonly pack: OpenPack;
  readonly places: RestorePlaces;
  readonly signal: AbortSignal;
  readonly onWritten: (bytes: number) => void;
}

/**
 * Resolves when every wanted byte of the pack is written, with the number of bytes that were read.
 *
 * @throws Problem DECRYPTION_FAILED, BACKUP_DAMAGED
 */
export async function restoreRuns(request: RunsRequest): Promise<number> {
  const { pack, places, folder, signal } = request;
  const { header, dataKey, streamBytes } = pack.object.sealed;
  const associated = associatedData({ systemId: folder.systemId, name: pack.key });
  const opener = new StreamOpener({ header, dataKey, associated, name: pack.key, streamBytes });
  let readBytes = 0;
  for (const run of frameRuns(pack.frames, (file) => places.files.has(file))) {
    for await (const [frame, stored] of framesOf(run, pack, opener)) {
      signal.throwIfAborted();
      const plain = decompressFrame(stored, frame.plainBytes, pack.key);
      await writeFrame(request, frame, plain);
    }
    const [begin] = segmentRange(run.beginSegment, streamBytes);
    const [, end] = segmentRange(run.endSegment - 1, streamBytes);
    readBytes += end - begin;
  }
  return readBytes;
}

// Each wanted frame with its stored bytes.
async function* framesOf(
  { beginSegment, endSegment, frames }: FrameRun,
  pack: OpenPack,
  opener: StreamOpener,
): AsyncGenerator<[WantedFrame, Buffer], void, undefined> {
  let [segment, heldFrom, held] = [beginSegment, plainBegin(beginSegment), Buffer.alloc(0)];
  let next = 0;
  for await (const sealed of pack.object.sealed.segments(beginSegment, endSegment)) {
    held = Buffer.concat([held, opener.open(segment++, sealed)]);
    for (let frame = frames[next]; frame !== undefined; frame = frames[++next]) {
      const at = frame.beginByte - heldFrom;
      if (at + frame.storedBytes > held.length) break;
      yield [frame, held.subarray(at, at + frame.storedBytes)];
    }
    // What lies before the next wanted frame is not needed any more.
    const kept = Math.min(held.length, Math.max(0, (frames[next]?.beginByte ?? 0) - heldFrom));
    held = held.subarray(kept);
    heldFrom += kept;
  }
  if (next < frames.length) throw damaged(pack.key, 'frames are missing in it');
}

async function writeFrame(
  { places, pack, onWritten }: RunsRequest,
  { extents }: WantedFrame,
  plain: Buffer,
): Promise<void> {
  let at = 0;
  for (const [index, offsetBytes, lengthBytes] of extents) {
    const placed = places.files.get(index);
    const begin = at;
    at += lengthBytes;
    if (placed === undefined) continue;
    if (offsetBytes + lengthBytes > placed.sizeBytes)
      throw damaged(pack.key, 'its index writes behind the end of a file');
    await using file = await open(placed.path, 'r+');
    for (let done = 0; done < lengthBytes; ) {
      const { bytesWritten } = await file.write(
        plain,
        begin + done,
        lengthBytes - done,
        offsetBytes + done,
      );
      done += bytesWritten;
    }
    onWritten(lengthBytes);
  }
}
