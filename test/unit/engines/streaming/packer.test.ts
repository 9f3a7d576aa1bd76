import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';

import { keyRing } from '../../../../src/encryption/file-key-ring.ts';
import {
  FILE_PAGE_BYTES,
  FRAME_BYTES,
  PACK_EXTENTS_MAX,
  packKey,
} from '../../../../src/engines/streaming/format.ts';
import type { Frame } from '../../../../src/engines/streaming/pack-format.ts';
import { openPack } from '../../../../src/engines/streaming/pack-reader.ts';
import { Packer, type PackerOptions } from '../../../../src/engines/streaming/packer.ts';
import { backupIdAt } from '../../../../src/kernel/ids.ts';
import { memoryStore } from '../../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import { testServerName } from '../../../support/folder-archive.ts';

const ring = keyRing(new Map([['k1', Buffer.alloc(32, 3)]]));
const open: Packer[] = [];

afterEach(async () => {
  for (const packer of open.splice(0)) await packer[Symbol.asyncDispose]();
});

const FOLDER = { server: testServerName('shop'), major: 15, systemId: '7' };
const BACKUP = backupIdAt(Temporal.Instant.from('2026-02-02T02:40:00Z'));

function packerInto(store: ObjectStore, more: Partial<PackerOptions> = {}): Packer {
  const packer = new Packer({
    store,
    ring,
    folder: FOLDER,
    backupId: BACKUP,
    workers: 2,
    signal: new AbortController().signal,
    onRoom: () => undefined,
    onFailure: () => undefined,
    ...more,
  });
  open.push(packer);
  return packer;
}

async function framesIn(
  store: ObjectStore,
  packs: readonly { readonly name: string }[],
): Promise<readonly Frame[]> {
  const { signal } = new AbortController();
  const opened = await Promise.all(
    packs.map(async ({ name }) =>
      openPack({ store, ring }, FOLDER, packKey(FOLDER, BACKUP, name), { signal }),
    ),
  );
  return opened.flatMap(({ frames }) => frames);
}

/** A store that takes no byte until it is let. */
function heldStore(): ObjectStore & { letGo(): void } {
  const store = memoryStore();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    ...store,
    description: store.description,
    put: async (key, body, options) => {
      await promise;
      return await store.put(key, body, options);
    },
    letGo: () => resolve(undefined),
  };
}

test('Packer holds a bounded number of buffers, however much comes and however slow the store is', async () => {
  const store = heldStore();
  const packer = packerInto(store);
  const piece = randomBytes(FRAME_BYTES);
  let [given, most] = [0, 0];

  // Frames that do not become smaller: what is sealed is as large as what came.
  for (let idleTurns = 0; idleTurns < 2000; idleTurns++) {
    while (!packer.full) {
      packer.add(0, given, piece, [0, piece.length]);
      given += piece.length;
      idleTurns = 0;
    }
    most = Math.max(most, packer.heldBytes);
    await nextTurn();
  }
  store.letGo();
  const packs = await packer.finish();

  // Eight frames under way; so many sealed ones wait, and those that were under way when it was full.
  expect(given).toBeLessThanOrEqual(17 * FRAME_BYTES);
  expect(most).toBeLessThanOrEqual(26 * FRAME_BYTES);
  expect(packs.reduce((sum, { frames }) => sum + frames, 0)).toBe(given / FRAME_BYTES);
});

test('Packer ends a pack of many little files, so that no footer is long', async () => {
  const packer = packerInto(memoryStore(), { workers: 1 });
  const little = Buffer.alloc(32, 1);
  // A frame is ended when less than a page is left of it.
  const piecesInFrame = (FRAME_BYTES - FILE_PAGE_BYTES) / little.length + 1;

  for (let file = 0; file < 2 * piecesInFrame + 5; file++)
    packer.add(file, 0, little, [0, little.length]);
  const packs = await packer.finish();

  // One frame of these has more pieces than a footer may, and the last five are left over.
  expect(piecesInFrame).toBeGreaterThan(PACK_EXTENTS_MAX);
  expect(packs.map(({ frames }) => frames)).toEqual([1, 1, 1]);
});

test('Packer cuts no page of a file, however the bytes come', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 2 * FRAME_BYTES }), {
    minLength: 1,
    maxLength: 3,
  });
  const pieces = fc.array(fc.integer({ min: 1000, max: 70_000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(sizes, pieces, async (files, chunks) => {
      const store = memoryStore();
      await using packer = packerInto(store, { workers: 1 });
      for (const [file, size] of files.entries()) {
        for (let at = 0, turn = 0; at < size; turn++) {
          const chunk = Buffer.alloc(Math.min(chunks[turn % chunks.length] ?? 1, size - at), file);
          packer.add(file, at, chunk, [0, chunk.length]);
          at += chunk.length;
        }
      }
      const packs = await packer.finish();
      packer.keep();

      const frames = await framesIn(store, packs);
      const extents = frames.flatMap(([, , ofFrame]) => ofFrame);
      const cuts = extents.flatMap(([file, begin, length]) => [
        begin,
        begin + length === files[file] ? 0 : begin + length,
      ]);
      const seen = files.map((_, file) =>
        extents.reduce((sum, [of, , length]) => sum + (of === file ? length : 0), 0),
      );
      expect(Math.max(...frames.map(([, plainBytes]) => plainBytes))).toBeLessThanOrEqual(
        FRAME_BYTES,
      );
      expect(cuts.filter((cut) => cut % FILE_PAGE_BYTES !== 0)).toEqual([]);
      expect(seen).toEqual(files);
    }),
    { numRuns: 5 },
  );
});

test('Packer tells that there is room whenever a slow store has taken enough, without being asked', async () => {
  const store = memoryStore();
  const slow: ObjectStore = {
    ...store,
    description: store.description,
    // One piece at a time, and only long after the workers have nothing left to answer.
    put: async (key, body, options) => {
      let sizeBytes = 0;
      for (let turns = 0; !body.readableEnded; ) {
        await nextTurn();
        if (turns++ % 400 !== 0) continue;
        const piece: unknown = body.read();
        if (piece instanceof Uint8Array) sizeBytes += piece.length;
      }
      options.signal.throwIfAborted();
      return { key, sizeBytes, outcome: 'written' };
    },
  };
  const piece = randomBytes(FRAME_BYTES);
  const wanted = 60;
  let given = 0;
  const whole = Promise.withResolvers<undefined>();
  const packer = packerInto(slow, { onRoom: feed });
  function feed(): void {
    while (given < wanted && !packer.full) {
      packer.add(0, given * FRAME_BYTES, piece, [0, piece.length]);
      given++;
    }
    if (given === wanted) whole.resolve(undefined);
  }

  feed();
  await whole.promise;

  const packs = await packer.finish();
  expect(packs.reduce((sum, { frames }) => sum + frames, 0)).toBe(wanted);
});
