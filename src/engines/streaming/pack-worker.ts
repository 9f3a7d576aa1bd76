/**
 * A worker thread that compresses frames and seals them into one pack after another. Everything is
 * synchronous: it is the thread's only work, and order is what a sealed stream needs.
 */
import { parentPort } from 'node:worker_threads';

import { StreamSealer } from '../../encryption/tink-stream.ts';
import { compressFrame, type Frame, packEnd } from './pack-format.ts';
import { asBuffer, type PackAnswer, type PackOrder, standAlone } from './worker-messages.ts';

let sealer: StreamSealer | undefined;
let frames: Frame[] = [];

parentPort?.on('message', (order: PackOrder) => {
  const answer = obey(order);
  const handed = answer.sealed.map(({ buffer }) => buffer);
  parentPort?.postMessage(answer, answer.kind === 'frame' ? [...handed, answer.bytes] : handed);
});

function obey(order: PackOrder): PackAnswer {
  if (order.kind === 'begin') {
    sealer = new StreamSealer(asBuffer(order.dataKey), asBuffer(order.associated));
    frames = [];
    return { kind: 'begun', sealed: [standAlone(sealer.header)] };
  }
  if (sealer === undefined) throw new TypeError('A pack has not begun');
  if (order.kind === 'end') {
    const sealed = [...sealer.seal(packEnd(frames)), ...sealer.end()];
    sealer = undefined;
    return { kind: 'ended', sealed: sealed.map(standAlone) };
  }
  const stored = compressFrame(Buffer.from(order.bytes, 0, order.lengthBytes));
  frames.push([stored.length, order.lengthBytes, order.extents]);
  const sealed = sealer.seal(stored).map(standAlone);
  return { kind: 'frame', bytes: order.bytes, storedBytes: stored.length, sealed };
}
