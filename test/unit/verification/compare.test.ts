import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compareTable, judgeTables, type SourceTable } from '../../../src/verification/compare.ts';

function source(counts: Partial<SourceTable>): SourceTable {
  return {
    database: 'shop',
    table: 'orders',
    sqlName: '"public"."orders"',
    before: 100,
    after: 100,
    insertedMeanwhile: 0,
    deletedMeanwhile: 0,
    ...counts,
  };
}

describe('compareTable()', () => {
  test('calls counts equal only where production stood still', () => {
    expect(compareTable('orders', source({}), 100)).toMatchObject({
      equal: true,
      outcome: 'equal',
    });
    expect(compareTable('orders', source({ after: 101 }), 100)).toMatchObject({
      equal: null,
      outcome: 'in bounds',
    });
  });

  test.each([
    ['one row fewer than before', source({ after: 105 }), 99],
    ['one row more than after', source({ after: 105 }), 106],
    ['no such table in the copy', source({}), null],
  ])('calls it different: %s', (_what, table, restored) => {
    expect(compareTable('orders', table, restored)).toMatchObject({
      equal: false,
      outcome: 'different',
    });
  });

  test('widens the bounds by rows that came and went, so that a busy table is no false alarm', () => {
    const busy = source({ insertedMeanwhile: 7, deletedMeanwhile: 7 });

    expect(compareTable('orders', busy, 93).outcome).toBe('in bounds');
    expect(compareTable('orders', busy, 107).outcome).toBe('in bounds');
    expect(compareTable('orders', busy, 92).outcome).toBe('different');
  });

  test('does not compare a table that came or went meanwhile', () => {
    expect(compareTable('orders', source({ after: null }), 5).outcome).toBe('not compared');
    expect(compareTable('orders', source({ before: null }), null).outcome).toBe('not compared');
  });

  test('never claims hashes, which this mode does not take', () => {
    const { sourceHash, restoredHash } = compareTable('orders', source({}), 100);

    expect([sourceHash, restoredHash]).toEqual([null, null]);
  });

  test('accepts every count that a table can have had between the two', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.array(fc.boolean(), { maxLength: 60 }),
        fc.nat(60),
        (rows, ops, at) => {
          const counts = [rows];
          for (const isInsert of ops) {
            const last = counts.at(-1) ?? 0;
            counts.push(isInsert ? last + 1 : Math.max(0, last - 1));
          }
          const moves = counts.slice(1).map((now, index) => now - (counts[index] ?? 0));
          const table = source({
            before: rows,
            after: counts.at(-1) ?? rows,
            insertedMeanwhile: moves.filter((move) => move > 0).length,
            deletedMeanwhile: moves.filter((move) => move < 0).length,
          });
          const restored = counts[Math.min(at, counts.length - 1)] ?? rows;

          expect(compareTable('orders', table, restored).outcome).not.toBe('different');
        },
      ),
    );
  });
});

describe('judgeTables()', () => {
  const equal = compareTable('users', source({ table: 'users' }), 100);
  const moving = compareTable('orders', source({ after: 110 }), 105);

  test('passes with the number of rows, and says which counts only lie in bounds', () => {
    expect(judgeTables([equal, moving])).toEqual({
      verdict: 'PASS',
      detail:
        '205 rows in 2 tables, 1 equal by count, 1 within what production had before and after',
    });
  });

  test('fails with each table that differs, by name and numbers', () => {
    const short = compareTable('orders', source({ before: 12_000, after: 12_010 }), 11_999);
    const gone = compareTable('users', source({}), null);

    expect(judgeTables([equal, short, gone])).toEqual({
      verdict: 'FAIL',
      detail:
        'orders has 11,999 rows, production has 12,000 to 12,010; users is missing, production has 100 rows',
    });
  });

  test('skips where nothing could be compared: that is no PASS', () => {
    expect(judgeTables([compareTable('x', source({ after: null }), 1)]).verdict).toBe('SKIPPED');
    expect(judgeTables([]).verdict).toBe('SKIPPED');
  });
});
