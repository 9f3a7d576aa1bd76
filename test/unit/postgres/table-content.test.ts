/** Tests of the SQL that counts and hashes: names of any kind, parts of a table, nothing hashed. */
import { describe, expect, test } from 'vitest';

import { nameOf, rowsSql } from '../../../src/postgres/table-content.ts';

const WHOLE = { schema: 'public', table: 'orders', fromPage: null, toPage: null };

describe('rowsSql()', () => {
  test('names each column, so that one called like the alias is not taken for the row', () => {
    expect(rowsSql({ ...WHOLE, columns: ['t', 'a"b'] })).toBe(
      'SELECT count(*)::text AS rows, sum(hashtextextended(ROW(t."t", t."a""b")::text COLLATE "C", 0))::text AS hash FROM ONLY "public"."orders" t',
    );
  });

  test('hashes a table without columns too', () => {
    expect(rowsSql({ ...WHOLE, columns: [] })).toContain('ROW()::text');
  });

  test('reads pages from the first that is asked for up to the last, which is not', () => {
    expect(rowsSql({ ...WHOLE, columns: undefined, fromPage: 7, toPage: 9 })).toBe(
      `SELECT count(*)::text AS rows, NULL AS hash FROM ONLY "public"."orders" t WHERE t.ctid >= '(7,0)'::tid AND t.ctid < '(9,0)'::tid`,
    );
  });
});

describe('nameOf()', () => {
  test('tells the schema where it is not the usual one', () => {
    expect([nameOf({ ...WHOLE }), nameOf({ ...WHOLE, schema: 'sales' })]).toEqual([
      'orders',
      'sales.orders',
    ]);
  });
});
