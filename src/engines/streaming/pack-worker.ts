/**
 * A worker thread that compresses frames and seals them into one pack after another. Everything is
 * synchronous: it is the thread's only work, and order is what a sealed stream needs.
 */
import { parentPort } from 'node:worker_threads';

import { StreamSealer } from '../../encryption/tink-stream.ts';
import { release } from '../../kernel/memory.ts';
import { type Compression, compressFrame, type Frame, packEnd } from './pack-format.ts';
import type { Leave } from './worker-end.ts';
import {
  asBuffer,
  type Handed,
  type PackAnswer,
  type PackOrder,
  standAlone,
} from './worker-messages.ts';

interface Pack {
  readonly sealer: StreamSealer;
  readonly compression: Compression;
  readonly frames: Frame[];
}

let pack: Pack | undefined;

parentPort?.on('message', (order: PackOrder) => {
  if (order.kind === 'leave') {
    parentPort?.close();
    return;
  }
  const answer = obey(order);
  parentPort?.postMessage(
    answer,
    answer.sealed.map(({ buffer }) => buffer),
  );
});

function obey(order: Exclude<PackOrder, Leave>): PackAnswer {
  if (order.kind === 'begin') {
    const { dataKey, associated, compression } = order;
    const sealer = new StreamSealer(asBuffer(dataKey), asBuffer(associated));
    pack = { sealer, compression, frames: [] };
    return { kind: 'begun', sealed: [standAlone(sealer.header)] };
  }
  if (pack === undefined) throw new TypeError('A pack has not begun');
  const { sealer, compression, frames } = pack;
  if (order.kind === 'end') {
    const sealed = [...sealer.seal(packEnd(frames)), ...sealer.end()];
    pack = undefined;
    return { kind: 'ended', sealed: joined(sealed) };
  }
  const plain = Buffer.from(order.bytes, 0, order.lengthBytes);
  const stored = compressFrame(plain, compression);
  const storedBytes = stored.length;
  frames.push([storedBytes, order.lengthBytes, order.extents]);
  const sealed = joined(sealer.seal(stored));
  release(stored);
  return { kind: 'frame', storedBytes, sealed };
}

/** In one piece, so that the store writes a segment and its tag at once. */
function joined(parts: readonly Buffer[]): Handed[] {
  if (parts.length === 0) return [];
  // A buffer of its own, and not filled with zeros first.
  const whole = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    release(part);
  }
  return [whole];
}
