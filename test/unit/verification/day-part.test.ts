/** Tests of what is hashed today, over generated tables and days. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { chunksOf, planHash, type TablePages } from '../../../src/verification/day-part.ts';

const MONDAY = Temporal.Instant.from('2026-11-23T04:00:00Z');
const MEBIBYTE = 1024 * 1024;

function heap(pages: number, sizeBytes = pages * 8192): TablePages {
  return { pages, sizeBytes, isHeap: true };
}

function weekFrom(first: Temporal.Instant): readonly Temporal.Instant[] {
  return Array.from({ length: 7 }, (_, day) => first.add({ hours: 24 * day }));
}

describe('planHash()', () => {
  test('hashes tables below 64 MiB whole every day', () => {
    expect(planHash('part', heap(8191), MONDAY)).toEqual({ kind: 'all' });
    expect(planHash('part', heap(8192), MONDAY).kind).toBe('pages');
    // Long values lie beside the table, and are read like it.
    expect(planHash('part', heap(10, 90 * MEBIBYTE), MONDAY).kind).toBe('pages');
  });

  test('sees every page of a large table once in each week that begins on a Thursday', () => {
    const pages = fc.integer({ min: 8192, max: 50_000_000 });
    const weeks = fc.integer({ min: 0, max: 5_000 });
    fc.assert(
      fc.property(pages, weeks, (number, weekNumber) => {
        const week = weekFrom(Temporal.Instant.fromEpochMilliseconds(weekNumber * 604_800_000));
        const plans = week.map((now) => planHash('part', heap(number), now));
        const ranges = plans.flatMap((plan) => (plan.kind === 'pages' ? [plan] : []));
        const ordered = ranges.toSorted((a, b) => a.fromPage - b.fromPage);

        expect(ordered.map(({ fromPage }) => fromPage)).toEqual([
          0,
          ...ordered.slice(0, -1).map(({ toPage }) => toPage),
        ]);
        expect(ordered.at(-1)?.toPage).toBe(number);
        const sizes = ordered.map(({ fromPage, toPage }) => toPage - fromPage);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('changes the part at midnight UTC and not during the day', () => {
    const plans = ['00:00:00', '23:59:59'].map((time) =>
      planHash('part', heap(70_000), Temporal.Instant.from(`2026-11-23T${time}Z`)),
    );

    expect(plans[0]).toEqual(plans[1]);
    expect(
      planHash('part', heap(70_000), Temporal.Instant.from('2026-11-24T00:00:00Z')),
    ).not.toEqual(plans[0]);
  });

  test('asks of a large table all, or nothing, where that is what is wanted', () => {
    expect(planHash('all', heap(9_000_000), MONDAY)).toEqual({ kind: 'all' });
    expect(planHash('small', heap(9_000_000), MONDAY)).toEqual({ kind: 'none' });
    expect(planHash('small', heap(9), MONDAY)).toEqual({ kind: 'all' });
    expect(planHash('none', heap(9), MONDAY)).toEqual({ kind: 'none' });
    const elsewhere = { ...heap(9_000_000), isHeap: false };
    expect(planHash('part', elsewhere, MONDAY)).toEqual({ kind: 'none' });
  });
});

describe('chunksOf()', () => {
  test('puts every page into exactly one chunk, and hashes exactly what the plan says', () => {
    const ranges = fc.tuple(fc.nat(400_000), fc.nat(400_000));
    fc.assert(
      fc.property(fc.nat(400_000), ranges, (pages, [a, b]) => {
        const plan = {
          kind: 'pages',
          fromPage: Math.min(a, b),
          toPage: Math.max(a, b) + 1,
        } as const;
        const chunks = chunksOf(heap(pages), plan);

        expect(chunks[0]?.fromPage).toBeNull();
        expect(chunks.at(-1)?.toPage).toBeNull();
        for (const [index, { toPage }] of chunks.slice(0, -1).entries())
          expect(chunks[index + 1]?.fromPage).toBe(toPage);
        const hashed = chunks.filter(({ isHashed }) => isHashed);
        expect(hashed[0]?.fromPage ?? 0).toBe(plan.fromPage);
        expect(hashed.at(-1)?.toPage).toBe(plan.toPage);
      }),
    );
  });

  test('reads a table of another kind in one piece', () => {
    expect(chunksOf({ ...heap(900_000), isHeap: false }, { kind: 'all' })).toEqual([
      { fromPage: null, toPage: null, isHashed: true },
    ]);
  });
});
