/** Which stored log leads to what a copy is compared with. */
import { expect, test } from 'vitest';

import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import type { WalInventory } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { openCheckBook } from '../../../src/verification/checks.ts';
import {
  type FoundPath,
  findEarlyPath,
  findPath,
  type PathRequest,
} from '../../../src/verification/store-checks.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

const STRAY: WalInventory = {
  runs: [
    { timeline: 1, fromLsn: toLsn('0/2000000'), toLsn: toLsn('0/5000000') },
    { timeline: 2, fromLsn: toLsn('0/3000000'), toLsn: toLsn('0/8000000') },
  ],
  missing: [],
  histories: ['00000002.history'],
  segments: 8,
  storedBytes: 1,
};

function requestWith(inventory: WalInventory | Error, signal: AbortSignal): PathRequest {
  const book = openCheckBook(fakeClock(), signal);
  const base = sampleBackup();
  const store = { name: 'here', store: memoryStore() };
  const recovery = {
    ring: keyRing(new Map([['k', Buffer.alloc(32, 1)]])),
    storesOf: () => [store],
    walArchive: {
      inventory: async () =>
        inventory instanceof Error ? Promise.reject(inventory) : Promise.resolve(inventory),
    },
  };
  const plan = { server: base.server, base };
  return { deps: { recovery }, plan, run: { signal }, book, store };
}

async function lookFor(
  timeline: number | undefined,
): Promise<{ readonly path: FoundPath | undefined; readonly words: string }> {
  const request = requestWith(STRAY, new AbortController().signal);
  const path = await findPath(request, { truth: undefined, timeline });
  const [check] = request.book.checks;
  return { path, words: `${check?.verdict ?? ''}: ${check?.detail ?? ''}` };
}

test('findPath() stays on the timeline of production, whatever else was put into the store', async () => {
  const { path, words } = await lookFor(1);

  expect(path).toMatchObject({ timeline: 1, isElsewhere: false });
  expect(words).toBe('PASS: 0/2000028 to 0/5000000, no holes');
});

test('findPath() cannot tell where the log does not lead onto the timeline of production', async () => {
  const { path, words } = await lookFor(3);

  expect(path).toMatchObject({ timeline: 2, isElsewhere: true });
  expect(words).toMatch(/^ERROR: could not be told: .* on timeline 2, production is on timeline 3/);
});

test('findPath() follows the log as far as it leads where nobody said on which timeline', async () => {
  expect((await lookFor(undefined)).path).toMatchObject({ timeline: 2, isElsewhere: false });
});

test('findEarlyPath() answers only a log that makes the backup whole, and writes nothing down', async () => {
  const { signal } = new AbortController();
  const short = {
    ...STRAY,
    runs: STRAY.runs.map((run) => ({ ...run, toLsn: toLsn('0/2000030') })),
  };
  const requests = [STRAY, short, { ...STRAY, runs: [] }, new Error('the store is away')].map(
    (inventory) => requestWith(inventory, signal),
  );

  const paths = await Promise.all(requests.map(findEarlyPath));

  expect(paths).toMatchObject([{ toLsn: '0/8000000' }, undefined, undefined, undefined]);
  expect(requests.flatMap(({ book }) => book.checks)).toEqual([]);
});
