/**
 * A worker thread that opens a pack's segments, decompresses its frames and writes them to files that
 * exist already. Synchronous: it is the thread's only work. Whatever goes wrong is told as an answer.
 */
import { parentPort } from 'node:worker_threads';

import { StreamOpener } from '../../encryption/tink-stream.ts';
import { release } from '../../kernel/memory.ts';
import { isProblem } from '../../kernel/problem.ts';
import { damaged, decompressFrame, type Frame } from './pack-format.ts';
import { RestoreOutput } from './restore-output.ts';
import type { Leave } from './worker-end.ts';
import {
  asBuffer,
  type RestoreAnswer,
  type RestoreOrder,
  type WorkerFailure,
} from './worker-messages.ts';

interface Pack {
  readonly name: string;
  readonly opener: StreamOpener;
  readonly frames: readonly Frame[];
  readonly paths: ReadonlyMap<number, string>;
  readonly output: RestoreOutput;
  segment: number;
  frame: number;
  /** Its first `heldBytes` bytes belong to a frame that goes on in the next segment. */
  held: Buffer;
  heldBytes: number;
}

let pack: Pack | undefined;

parentPort?.on('message', (order: RestoreOrder) => {
  if (order.kind === 'leave') {
    parentPort?.close();
    return;
  }
  let answer: RestoreAnswer | undefined;
  try {
    answer = obey(order);
  } catch (error) {
    answer = { kind: 'failed', failure: failureOf(error) };
  }
  if (answer !== undefined) parentPort?.postMessage(answer, []);
});

function obey(order: Exclude<RestoreOrder, Leave>): RestoreAnswer | undefined {
  if (order.kind === 'pack') {
    pack = begin(order);
    return undefined;
  }
  if (pack === undefined) throw new TypeError('A pack has not begun');
  if (order.kind === 'segment')
    return { kind: 'segment', writtenBytes: takeSegment(pack, asBuffer(order.bytes)) };
  if (pack.frame !== pack.frames.length) throw damaged(pack.name, 'frames are missing in it');
  pack.output.close();
  pack = undefined;
  return { kind: 'end' };
}

function begin(order: RestoreOrder & { readonly kind: 'pack' }): Pack {
  const { name, frames, paths, streamBytes, direct } = order;
  const opener = new StreamOpener({
    header: asBuffer(order.header),
    dataKey: asBuffer(order.dataKey),
    associated: asBuffer(order.associated),
    name,
    streamBytes,
  });
  const output = new RestoreOutput({ direct });
  const held = Buffer.alloc(0);
  return { name, opener, frames, paths, output, segment: 0, frame: 0, held, heldBytes: 0 };
}

function takeSegment(current: Pack, sealed: Buffer): number {
  // The footer's segments are opened too: that proves the pack's end.
  const plain = current.opener.open(current.segment++, sealed);
  release(sealed);
  let at = 0;
  let writtenBytes = 0;
  for (;;) {
    const frame = current.frames[current.frame];
    if (frame === undefined) break;
    const needed = frame[0] - current.heldBytes;
    if (plain.length - at < needed) break;
    writtenBytes += writeFrame(
      current,
      frame,
      wholeFrame(current, plain.subarray(at, at + needed)),
    );
    at += needed;
    current.frame++;
  }
  // Behind the last frame there is only the footer.
  if (current.frame < current.frames.length) hold(current, plain.subarray(at));
  release(plain);
  return writtenBytes;
}

/** What the segments before this one held of the frame, and the rest of it. */
function wholeFrame(current: Pack, rest: Buffer): Buffer {
  if (current.heldBytes === 0) return rest;
  hold(current, rest);
  const whole = current.held.subarray(0, current.heldBytes);
  current.heldBytes = 0;
  return whole;
}

/** A frame is seldom larger than two segments: the memory is used again and again. */
function hold(current: Pack, bytes: Buffer): void {
  const wanted = current.heldBytes + bytes.length;
  if (wanted > current.held.length) {
    const larger = Buffer.allocUnsafeSlow(2 * wanted);
    current.held.copy(larger, 0, 0, current.heldBytes);
    current.held = larger;
  }
  bytes.copy(current.held, current.heldBytes);
  current.heldBytes = wanted;
}

function writeFrame(current: Pack, [, plainBytes, extents]: Frame, stored: Buffer): number {
  const plain = decompressFrame(stored, plainBytes, current.name);
  let at = 0;
  let writtenBytes = 0;
  for (const extent of extents) {
    const path = current.paths.get(extent[0]);
    // Not all files are restored.
    if (path !== undefined) {
      current.output.write(path, extent, plain, at);
      writtenBytes += extent[2];
    }
    at += extent[2];
  }
  // A frame that was not compressed is the segment itself, or what is held.
  if (plain !== stored) release(plain);
  return writtenBytes;
}

function failureOf(error: unknown): WorkerFailure {
  if (isProblem(error)) return { code: error.kind.code, message: error.message };
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { code, message: error.message };
}
