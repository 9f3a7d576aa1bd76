import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { WhyMissed } from '../../../src/engines/proof-point.ts';
import {
  type ComparedTable,
  compareTable,
  judgeTables,
  type SourceTable,
} from '../../../src/verification/compare.ts';

function source(counts: Partial<SourceTable>): SourceTable {
  return {
    database: 'shop',
    table: 'orders',
    sqlName: '"public"."orders"',
    before: 100,
    after: 100,
    insertedMeanwhile: 0,
    deletedMeanwhile: 0,
    missed: undefined,
    ...counts,
  };
}

function missed(why: WhyMissed, table = 'carts'): ComparedTable {
  const bounds = { table, before: 1, after: null, missed: { why, reason: `it is ${why}` } };
  return compareTable(table, source(bounds), 1);
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
    expect(judgeTables([equal, moving], [])).toEqual({
      verdict: 'PASS',
      detail:
        '205 rows in 2 tables, 1 equal by count, 1 within what production had before and after',
    });
  });

  test('fails with each table that differs, by name and numbers', () => {
    const short = compareTable('orders', source({ before: 12_000, after: 12_010 }), 11_999);
    const gone = compareTable('users', source({}), null);

    expect(judgeTables([equal, short, gone], [])).toEqual({
      verdict: 'FAIL',
      detail:
        'orders has 11,999 rows, production has 12,000 to 12,010; users is missing, production has 100 rows',
    });
  });

  test('fails for a table that is damaged in the copy, in the words of PostgreSQL', () => {
    const reason = 'invalid page in block 0';
    const broken = compareTable('users', source({}), { outcome: 'damaged', reason });

    expect(judgeTables([equal, broken], [])).toEqual({
      verdict: 'FAIL',
      detail: 'users: invalid page in block 0, production has 100 rows',
    });
  });

  test.each(['locked', 'out of time', 'changed', 'denied', 'unreadable'] as const)(
    'cannot tell where all that production has was missed there: %s',
    (why) => {
      expect(judgeTables([missed(why), missed(why, 'x')], [])).toEqual({
        verdict: 'ERROR',
        detail: `no table could be compared: carts: it is ${why}, x: it is ${why}`,
      });
    },
  );

  test('cannot tell when one table was counted and all others are denied', () => {
    const denied = Array.from({ length: 29 }, (_, index) => missed('denied', `t${index}`));

    const { verdict, detail } = judgeTables([equal, ...denied], []);

    expect(verdict).toBe('ERROR');
    expect(detail).toMatch(/^could not be told of t0: it is denied, .* and 24 more$/);
  });

  test('names what was locked or late beside what was counted, and what was not meant to be', () => {
    const { verdict, detail } = judgeTables([equal, missed('locked')], ['unlogged tables: cache']);

    expect(verdict).toBe('PASS');
    expect(detail).toMatch(/; not compared: carts: it is locked, unlogged tables: cache$/);
  });

  test('cannot tell of what the copy holds locked or does not let us read', () => {
    const held = { outcome: 'left out', reason: 'held locked', why: 'unreadable' } as const;

    expect(judgeTables([equal, compareTable('x', source({}), held)], []).verdict).toBe('ERROR');
    expect(judgeTables([equal, compareTable('x', source({ after: null }), 1)], []).verdict).toBe(
      'ERROR',
    );
  });

  test('skips only where there is truly no table, and not where nobody looked into the database', () => {
    expect(judgeTables([], []).verdict).toBe('SKIPPED');
    expect(judgeTables([], ['unlogged tables: cache', 'database postgres']).verdict).toBe(
      'SKIPPED',
    );
    expect(judgeTables([], ['database crm', 'database postgres'])).toEqual({
      verdict: 'ERROR',
      detail:
        'no table was compared: there is none where it was looked for, and `databases` does not name database crm',
    });
  });
});
