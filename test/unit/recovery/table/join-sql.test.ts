/** Tests of the SQL that people are shown to join a restored table back. */
import { expect, test } from 'vitest';

import type { TableShape } from '../../../../src/recovery/table/find-tables.ts';
import { planJoin } from '../../../../src/recovery/table/join-sql.ts';

function shape(columns: readonly string[], primaryKey: readonly string[] = ['id']): TableShape {
  return {
    columns: columns.map((name) => ({ name, type: 'text', generated: name === 'half' })),
    primaryKey,
  };
}

const PLACES = {
  table: { schema: 'public', name: 'orders' },
  restoredAs: { schema: 'dbdr_restored_r_1', name: 'orders' },
};

test('planJoin() adds a lost column and fills it by key, and only where it differs', () => {
  const join = planJoin({
    production: shape(['id', 'total']),
    restored: shape(['id', 'total', 'shipping_address']),
    ...PLACES,
  });

  expect(join.what).toBe(
    'Column shipping_address of public.orders is lost: this adds it again and fills it by key.',
  );
  expect(join.joinSql).toBe(`SET lock_timeout = '5s';
ALTER TABLE public.orders ADD COLUMN IF NOT EXISTS shipping_address text;
UPDATE public.orders AS t SET shipping_address = r.shipping_address
  FROM dbdr_restored_r_1.orders AS r
  WHERE t.id = r.id AND (t.shipping_address) IS DISTINCT FROM (r.shipping_address);`);
  expect(join.verificationSql).toContain('count(*) AS different');
});

test('planJoin() names several lost columns at once, and joins by the whole key', () => {
  const join = planJoin({
    production: shape(['a', 'b'], ['a', 'b']),
    restored: shape(['a', 'b', 'c', 'order'], ['a', 'b']),
    ...PLACES,
  });

  expect(join.what).toContain('Columns c, order of public.orders are lost');
  expect(join.joinSql).toContain('SET c = r.c, "order" = r."order"');
  expect(join.joinSql).toContain('t.a = r.a AND t.b = r.b');
});

test('planJoin() puts missing rows back without touching those that are there', () => {
  const join = planJoin({
    production: shape(['id', 'total', 'half', 'new']),
    restored: shape(['id', 'total', 'half']),
    ...PLACES,
  });

  expect(join.joinSql).toContain('INSERT INTO public.orders (id, total)');
  expect(join.joinSql).toContain('ON CONFLICT DO NOTHING');
  expect(join.joinSql).not.toContain('half');
});

test('planJoin() makes a table anew that is gone', () => {
  const join = planJoin({ production: undefined, restored: shape(['id']), ...PLACES });

  expect(join.joinSql).toBe(`CREATE TABLE public.orders AS TABLE dbdr_restored_r_1.orders;
ALTER TABLE public.orders ADD PRIMARY KEY (id);`);
});

test('planJoin() changes nothing where there is no key to join by', () => {
  const join = planJoin({
    production: shape(['a'], []),
    restored: shape(['a', 'b'], []),
    ...PLACES,
  });

  expect(join.what).toContain('by hand');
  expect(join.joinSql).not.toMatch(/UPDATE|INSERT|ALTER/);
});
