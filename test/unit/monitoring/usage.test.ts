/** What a store's objects add up to, and cost. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { placeOf, type StoreUsage, sumOf, UsageSum } from '../../../src/monitoring/usage.ts';
import type { StoredItem } from '../../../src/storage/object-store.ts';

const GB = 2 ** 30;
const SHOP = 'shop/15-7341880284312345678';

function item(key: string, sizeBytes: number, more: Partial<StoredItem> = {}): StoredItem {
  return { key, sizeBytes, state: 'current', ...more };
}

function usageOf(items: readonly StoredItem[], prices?: Record<string, number>): StoreUsage {
  const sum = new UsageSum();
  for (const one of items) sum.add(one);
  return sum.result(prices);
}

describe('placeOf()', () => {
  test.each([
    [`${SHOP}/base/20261122T010000Z/pack-0001`, 'shop', 'base'],
    [`${SHOP}/base/20261122T010000Z/manifest`, 'shop', 'base'],
    [`${SHOP}/wal/00000001/000000010000000000000001-${'a'.repeat(32)}`, 'shop', 'wal'],
    [`${SHOP}/wal/00000002.history`, 'shop', 'history'],
    [`${SHOP}/tail/00000001/000000010000000000000002/1-2`, 'shop', 'tail'],
    [`${SHOP}/hold/20261122T010000Z/h-1`, 'shop', 'hold'],
    ['shop/owner/000001-3fa9', 'shop', 'other'],
    [`${SHOP}/other/1`, 'shop', 'other'],
    ['shop/notes.txt', undefined, 'other'],
    ['#unfinished/3fa9', undefined, 'other'],
    ['Shop/15-1/base/x', undefined, 'other'],
  ])('reads %s', (key, server, kind) => {
    expect(placeOf(key)).toEqual({ server, kind });
  });
});

describe('UsageSum', () => {
  test('counts current objects by kind and server, and what else is paid for apart', () => {
    const usage = usageOf([
      item(`${SHOP}/base/b/pack-0001`, 100),
      item(`${SHOP}/base/b/manifest`, 10),
      item(`${SHOP}/wal/1/x`, 5),
      item('billing/16-1/wal/1/x', 3),
      item(`${SHOP}/base/b/pack-0001`, 1000, { state: 'noncurrent' }),
      item('readme.txt', 1),
      item(`${SHOP}/base/b/pack-0002`, 7, { state: 'unfinished' }),
    ]);

    expect(usage).toMatchObject({
      storedBytes: 1126,
      objects: 5,
      kinds: [
        { kind: 'base', objects: 2, storedBytes: 110 },
        { kind: 'wal', objects: 2, storedBytes: 8 },
        { kind: 'other', objects: 1, storedBytes: 1 },
      ],
      noncurrent: { objects: 1, storedBytes: 1000 },
      incompleteUploads: { uploads: 1, storedBytes: 7 },
      servers: [
        { server: 'billing', objects: 1, storedBytes: 3 },
        { server: 'shop', objects: 3, storedBytes: 115 },
      ],
    });
  });

  test('prices each class by itself, old versions and unfinished uploads too', () => {
    const usage = usageOf(
      [
        item('a', 10 * GB, { storageClass: 'STANDARD' }),
        item('a', 2 * GB, { storageClass: 'STANDARD', state: 'noncurrent' }),
        item('b', GB, { storageClass: 'STANDARD', state: 'unfinished' }),
        item('c', 100 * GB, { storageClass: 'STANDARD_IA' }),
      ],
      { STANDARD: 0.023, STANDARD_IA: 0.0125 },
    );

    expect(usage.classes.map(({ monthlyCost }) => monthlyCost)).toEqual([0.299, 1.25]);
    expect(usage).toMatchObject({ monthlyCost: 1.549, unpricedBytes: 0 });
  });

  test('takes what knows no class for STANDARD', () => {
    expect(usageOf([item('a', GB)], { STANDARD: 0.5 }).monthlyCost).toBe(0.5);
  });

  test('never takes what has no price for nothing', () => {
    const items = [item('a', GB), item('b', 7, { storageClass: 'GLACIER' })];

    expect(usageOf(items, { STANDARD: 0.5 })).toMatchObject({
      monthlyCost: null,
      unpricedBytes: 7,
      classes: [
        { storageClass: 'GLACIER', monthlyCost: null },
        { storageClass: 'STANDARD', monthlyCost: 0.5 },
      ],
    });
    expect(usageOf([])).toMatchObject({ monthlyCost: null });
    expect(usageOf([], {})).toMatchObject({ monthlyCost: 0, unpricedBytes: 0 });
  });

  test('loses and invents nothing, whatever comes', () => {
    const items = fc.array(
      fc.record({
        key: fc.constantFrom('a', `${SHOP}/base/b/p`, 'x/16-1/tail/1/2', 'y/16-1/hold/b/h'),
        sizeBytes: fc.nat(),
        state: fc.constantFrom('current', 'noncurrent', 'unfinished'),
        storageClass: fc.constantFrom('STANDARD', 'GLACIER'),
      }),
    );

    fc.assert(
      fc.property(items, (all) => {
        const usage = usageOf(all);
        const { kinds, noncurrent, incompleteUploads: open, classes } = usage;
        const current = bytes(kinds);

        expect(usage.storedBytes).toBe(bytes(all.map((one) => ({ storedBytes: one.sizeBytes }))));
        expect(current + noncurrent.storedBytes + open.storedBytes).toBe(usage.storedBytes);
        expect(bytes(classes)).toBe(usage.storedBytes);
        expect(usage.objects + noncurrent.objects + open.uploads).toBe(all.length);
      }),
    );
  });
});

function bytes(amounts: readonly { readonly storedBytes: number }[]): number {
  return amounts.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}

describe('sumOf()', () => {
  test('knows nothing as soon as one is not known', () => {
    expect(sumOf([0.1, 0.2])).toBe(0.3);
    expect(sumOf([0.1, null])).toBeNull();
    expect(sumOf([])).toBe(0);
  });
});
