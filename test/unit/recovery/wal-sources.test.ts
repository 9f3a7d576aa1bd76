/** WAL from several stores: the end of the log is where no store has more, damage is what none can mend. */
import { expect, test } from 'vitest';

import { WAL_DAMAGED } from '../../../src/engines/streaming/wal-problems.ts';
import type { WalArchive } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../../src/kernel/wal-name.ts';
import { type MadeGood, readFromStores } from '../../../src/recovery/wal-sources.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

const { signal } = new AbortController();
const BASE = sampleBackup();
const SEGMENT = 16 << 20;

/** Up to where each segment is held, whether it is intact; `away`: the store does not answer. */
type Content = ReadonlyMap<string, { readonly toLsn: string; readonly damaged?: true }> | 'away';

function segment(number: number): SegmentName {
  const name = `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`;
  if (!isSegmentName(name)) throw new TypeError(name);
  return name;
}

function whole(...numbers: readonly number[]): Content {
  return new Map(
    numbers.map((number) => [segment(number), { toLsn: `0/${(number + 1).toString(16)}000000` }]),
  );
}

interface Scene {
  /** Answers the store that gave it. */
  readonly read: (name: SegmentName | `${string}.history`) => Promise<string>;
  readonly told: readonly MadeGood[];
}

function scene(contents: Readonly<Record<string, Content>>): Scene {
  const stores = Object.keys(contents).map((name) => ({ name, store: memoryStore() }));
  const told: MadeGood[] = [];
  function contentOf(store: ObjectStore) {
    const name = stores.find((one) => one.store === store)?.name ?? '';
    const content = contents[name] ?? 'away';
    if (content === 'away') throw new Problem(STORE_UNREACHABLE, `Cannot open ${name}`);
    return { name, content };
  }
  const walArchive: WalArchive = {
    async inventory({ store }) {
      const runs = [...contentOf(store).content].map(([name, held]) => {
        const place = segmentPlace(isSegmentName(name) ? name : segment(0), SEGMENT);
        return { timeline: 1, fromLsn: place.beginLsn, toLsn: toLsn(held.toLsn) };
      });
      return { runs, missing: [], histories: [], segments: runs.length, storedBytes: 0 };
    },
    async read({ store, name }) {
      const { content, name: storeName } = contentOf(store);
      const held = content.get(name);
      if (held === undefined) return undefined;
      if (held.damaged) throw new Problem(WAL_DAMAGED, `Cannot read "${name}" of ${storeName}`);
      return Buffer.from(storeName);
    },
  };
  const ring = { currentKeyId: 'k', keyIds: ['k'], wrap: no, unwrap: no, contentName: no };
  function tell(madeGood: MadeGood): void {
    told.push(madeGood);
  }
  const readWal = readFromStores({ walArchive, ring }, { base: BASE, stores, tell });
  return { told, read: async (name) => String((await readWal(name, { signal })) ?? 'absent') };
}

function no(): never {
  throw new Error('Nothing is decrypted here');
}

test('takes a segment that one store lacks from the other, and tells nobody', async () => {
  const { read, told } = scene({ here: whole(2), west: whole(2, 3) });

  expect(await read(segment(2))).toBe('here');
  expect(await read(segment(3))).toBe('west');
  expect(told).toEqual([]);
});

test('takes a damaged segment from the other store, and tells which store is bad', async () => {
  const here: Content = new Map([[segment(2), { toLsn: '0/3000000', damaged: true }]]);
  const { read, told } = scene({ here, west: whole(2) });

  expect(await read(segment(2))).toBe('west');
  expect(told).toMatchObject([{ name: segment(2), store: 'here', servedBy: 'west' }]);
});

test('prefers the store that has most of an unfinished segment', async () => {
  const { read } = scene({
    here: new Map([[segment(2), { toLsn: '0/2000100' }]]),
    west: new Map([[segment(2), { toLsn: '0/2000200' }]]),
  });

  expect(await read(segment(2))).toBe('west');
});

test('calls it the end of the log only when no store has it', async () => {
  const { read } = scene({ here: whole(2), west: whole(2) });

  expect(await read(segment(3))).toBe('absent');
  expect(await read('00000002.history')).toBe('absent');
});

test('is damaged where one store has it damaged and the other does not have it', async () => {
  const here: Content = new Map([[segment(2), { toLsn: '0/3000000', damaged: true }]]);

  await expect(scene({ here, west: whole(1) }).read(segment(2))).rejects.toMatchObject({
    kind: { code: 'WAL_DAMAGED' },
  });
});

test('goes on without a store that is away, and fails with its reason when it is the only one', async () => {
  const { read } = scene({ here: 'away', west: whole(2) });

  expect(await read(segment(2))).toBe('west');
  expect(await read(segment(3))).toBe('absent');
  await expect(scene({ here: 'away' }).read(segment(2))).rejects.toMatchObject({
    kind: { code: 'STORAGE_UNREACHABLE' },
  });
});
