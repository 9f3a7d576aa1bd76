import { expect, test } from 'vitest';

import { readStructureReport, sayPages } from '../../../src/verification/structure-report.ts';

// As pg_amcheck 15 writes it.
const DAMAGED = `heap table "shop.public.orders", block 3, offset 7, attribute 2:
    attribute 2 with length -1 ends at offset 8190 beyond total tuple length 40
btree index "shop.public.orders_pkey":
    ERROR:  item order invariant violated for index "orders_pkey"
DETAIL:  Lower index tid=(1,2)
`;
const PROGRESS =
  '  0/548 relations (0%),    0/1625 pages (0%)\n548/548 relations (100%), 1625/1625 pages (100%)\n';

test('reads which objects are damaged, where, and why', () => {
  const { damaged, unread } = readStructureReport(DAMAGED, '');

  expect(unread).toEqual([]);
  expect(damaged).toEqual([
    {
      kind: 'heap table',
      name: 'shop.public.orders, block 3, offset 7, attribute 2',
      words: 'attribute 2 with length -1 ends at offset 8190 beyond total tuple length 40',
    },
    {
      kind: 'btree index',
      name: 'shop.public.orders_pkey',
      words: 'item order invariant violated for index "orders_pkey"',
    },
  ]);
});

test('takes a library that this machine lacks for no damage', () => {
  const said = `btree index "shop.public.places_at":
    ERROR:  could not access file "$libdir/postgis-3": No such file or directory
`;

  const { damaged, unread } = readStructureReport(said, '');

  expect(damaged).toEqual([]);
  expect(unread).toMatchObject([{ kind: 'btree index', name: 'shop.public.places_at' }]);
});

test('reads how many pages there were from the last line of progress', () => {
  expect(readStructureReport('', PROGRESS).pages).toBe(1625);
  expect(readStructureReport('', '').pages).toBeUndefined();
});

test('says pages as people read them', () => {
  expect([1625, 23_612_004].map(sayPages)).toEqual(['1,625', '23.6 M']);
});
