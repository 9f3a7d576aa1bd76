/** What stores hold and cost, asked of stores that answer and of one that does not. */
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';

import { Problem } from '../../../src/kernel/problem.ts';
import {
  priceWarnings,
  type Usage,
  type UsageDeps,
  usageOperation,
} from '../../../src/monitoring/usage-operation.ts';
import { usageBlocks } from '../../../src/monitoring/usage-words.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore, StoredItem } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { objectKey } from '../../support/object-keys.ts';
import { testRun } from '../../support/test-run.ts';

const { signal } = new AbortController();
const NOW = Temporal.Instant.from('2026-11-24T15:00:00Z');
const PRICES = {
  as_of: '2026-11-01',
  currency: 'USD',
  per_gb_month: { here: { STANDARD: 0.1 }, west: { STANDARD: 0.023 } },
};
const MANY = 2 ** 18;

async function ask(deps: Omit<UsageDeps, 'clock'>): Promise<Usage> {
  const operation = usageOperation({ ...deps, clock: { now: () => NOW } });
  return await operation.run({}, testRun());
}

async function filled(): Promise<ObjectStore> {
  const store = memoryStore();
  const key = objectKey('shop/15-1/base/20261122T010000Z/pack-0001');
  await store.put(key, Readable.from([Buffer.alloc(1000)]), { signal });
  return store;
}

function censusOf(
  items: Iterable<StoredItem>,
): UsageDeps['stores'] extends ReadonlyMap<string, infer S> ? S : never {
  return {
    description: 's3 bucket',
    async *census() {
      yield* items;
    },
  };
}

const DOWN: ReturnType<typeof censusOf> = {
  description: 's3 down',
  // oxlint-disable-next-line require-yield -- it fails before the first
  async *census() {
    throw new Problem(STORE_UNREACHABLE, 'Cannot list "west": no answer');
  },
};

async function linesOf(deps: Omit<UsageDeps, 'clock'>): Promise<string> {
  const blocks = usageBlocks(await ask(deps)) ?? [];
  return blocks
    .flatMap(({ title, facts }) => [title, ...facts.map((fact) => fact.join(': '))])
    .join('\n');
}

describe('usage', () => {
  test('shows the stores that answer, names the one that does not, and ends with 4', async () => {
    const stores = new Map([
      ['here', await filled()],
      ['west', DOWN],
    ]);

    const usage = await ask({ stores, prices: PRICES });

    expect(usage.stores).toMatchObject([{ store: 'here', storedBytes: 1000, objects: 1 }]);
    expect(usage.unreachable).toEqual([
      {
        store: 'west',
        code: 'STORAGE_UNREACHABLE',
        reason: 'Cannot list "west": no answer',
        hint: STORE_UNREACHABLE.hint,
      },
    ]);
    expect(usage.monthlyCost).toBeNull();
    const operation = usageOperation({ stores, clock: { now: () => NOW } });
    expect(operation.exitCode?.(usage)).toBe(4);
    expect(operation.exitCode?.({ ...usage, unreachable: [] })).toBe(0);
  });

  test('passes on what is no problem of a store', async () => {
    const broken = {
      ...DOWN,
      census: () => {
        throw new TypeError('A bug');
      },
    };

    await expect(ask({ stores: new Map([['here', broken]]) })).rejects.toThrow('A bug');
  });

  test('counts a million objects without keeping them', async () => {
    function* items(): Generator<StoredItem> {
      for (let number = 0; number < MANY; number++)
        yield { key: `shop/15-1/wal/1/${number}`, sizeBytes: 4096, state: 'current' };
    }

    const { stores } = await ask({
      stores: new Map([['here', censusOf(items())]]),
      prices: PRICES,
    });

    expect(stores[0]).toMatchObject({ objects: MANY, storedBytes: 2 ** 30, monthlyCost: 0.1 });
  });
});

describe('priceWarnings()', () => {
  test.each([
    ['2026-11-24', 0],
    ['2025-11-24', 0],
    ['2025-11-23', 1],
    ['2026-11-25', 1],
  ])('of %s: %i', (asOf, count) => {
    expect(priceWarnings(asOf, NOW)).toHaveLength(count);
  });
});

describe('usageBlocks()', () => {
  test('says size and cost first, then by kind, and what is paid for without being of use', async () => {
    const west = censusOf([
      { key: 'shop/15-1/base/b/pack-0001', sizeBytes: 40 * 2 ** 30, state: 'current' },
      { key: 'billing/15-2/wal/1/a', sizeBytes: 1e6, state: 'current' },
      { key: 'shop/15-1/base/b/pack-0001', sizeBytes: 2e9, state: 'noncurrent' },
      { key: 'shop/15-1/base/b/pack-0002', sizeBytes: 5e6, state: 'unfinished' },
    ]);

    const text = await linesOf({
      stores: new Map([
        ['west', west],
        ['here', await filled()],
      ]),
      prices: PRICES,
    });

    expect(text.split('\n')).toEqual([
      'west holds 45.0 GB',
      'A month: 0.96 USD at prices of 2026-11-01',
      'Base backups: 42.9 GB in 1 object',
      'Log: 1.0 MB in 1 object',
      'Older versions: 2.0 GB in 1 version',
      'Unfinished: 5.0 MB in 1 upload',
      'Of billing: 1.0 MB in 1 object',
      'Of shop: 42.9 GB in 1 object',
      'Where: s3 bucket',
      'here holds 1.0 kB',
      'A month: less than 0.01 USD at prices of 2026-11-01',
      'Base backups: 1.0 kB in 1 object',
      'Where: memory',
      'Together 45.0 GB, 0.96 USD a month',
    ]);
  });

  test('says what has no price, and that there are no prices', async () => {
    const stores = new Map([
      [
        'west',
        censusOf([
          { key: 'a', sizeBytes: 2 ** 30, state: 'current', storageClass: 'STANDARD' },
          { key: 'b', sizeBytes: 4e9, state: 'current', storageClass: 'GLACIER' },
        ]),
      ],
    ]);

    expect(await linesOf({ stores, prices: PRICES })).toContain(
      'A month: 0.02 USD and more at prices of 2026-11-01: no price for GLACIER (4.0 GB)',
    );
    expect(await linesOf({ stores, prices: { ...PRICES, per_gb_month: {} } })).toContain(
      'A month: unknown: no price for GLACIER, STANDARD (5.1 GB)',
    );
    expect(await linesOf({ stores })).toContain('A month: unknown: the config has no `prices`');
  });

  test('says what to do about a store that does not answer, and that prices are old', async () => {
    const stores = new Map([['west', DOWN]]);

    const text = await linesOf({ stores, prices: { ...PRICES, as_of: '2024-01-01' } });

    expect(text).toContain('west does not answer\nWhy: Cannot list "west": no answer\nNext: ');
    expect(text).toContain('The prices in the config are of 2024-01-01, more than a year old');
  });

  test('takes nothing else for a usage', () => {
    expect(usageBlocks({ stores: [] })).toBeUndefined();
  });
});
