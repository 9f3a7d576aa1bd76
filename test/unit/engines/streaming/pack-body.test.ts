import { expect, test } from 'vitest';

import { PackBody } from '../../../../src/engines/streaming/pack-body.ts';

test('PackBody tells of each piece that is taken while nothing is added, and what waits then', async () => {
  const waiting: number[] = [];
  const body: PackBody = new PackBody(() => waiting.push(body.waitingPieces));
  const pieces = [1, 2, 3, 4, 5].map((byte) => Buffer.alloc(3, byte));
  for (const piece of pieces) body.add(piece);
  const taken: unknown[] = [];

  while (taken.length < pieces.length) {
    const piece: unknown = body.read();
    if (piece === null) await new Promise((resolve) => body.once('readable', resolve));
    else taken.push(piece);
  }

  expect(taken).toEqual(pieces);
  // One is always held ready; whoever waits for room is told down to the last.
  expect(waiting).toEqual([4, 3, 2, 1, 0]);
});

test('PackBody ends after its last piece, whenever that is said', async () => {
  const early = new PackBody(() => undefined);
  early.add(Buffer.from('a'));
  early.finish();
  const late = new PackBody(() => undefined);
  const reading = Array.fromAsync(late as AsyncIterable<unknown>);
  late.add(Buffer.from('b'));
  late.finish();

  expect(await Array.fromAsync(early as AsyncIterable<unknown>)).toEqual([Buffer.from('a')]);
  expect(await reading).toEqual([Buffer.from('b')]);
});
