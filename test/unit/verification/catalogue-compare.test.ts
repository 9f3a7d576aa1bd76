import { expect, test } from 'vitest';

import {
  type Catalogue,
  type CatalogueObject,
  catalogueOf,
} from '../../../src/postgres/catalogue-reading.ts';
import { type CataloguePair, judgeCatalogue } from '../../../src/verification/catalogue-compare.ts';

const ORDERS = object('table', 'orders');
const TOTAL = object('column', 'orders.total', { parent: 'orders', says: 'numeric not null' });
const ADDRESS = object('column', 'orders.shipping_address', { parent: 'orders', says: 'text' });
const INDEX = object('index', 'orders_pkey', { parent: 'orders', says: 'valid' });
const ALL = [ORDERS, TOTAL, ADDRESS, INDEX];

function object(
  kind: string,
  name: string,
  { parent = '', says = '', digest = 'a' }: Partial<CatalogueObject> = {},
): CatalogueObject {
  return { kind, name, parent, says, digest };
}

function judge(production: readonly CatalogueObject[], copy: readonly CatalogueObject[]): string {
  const { verdict, detail } = judgeCatalogue({
    production: catalogueOf(production),
    copy: catalogueOf(copy),
  });
  return `${verdict}: ${detail}`;
}

function between(pair: CataloguePair): string {
  const { verdict, detail } = judgeCatalogue(pair);
  return `${verdict}: ${detail}`;
}

test('says how many objects are equal, the kinds that people know by number', () => {
  expect(judge(ALL, ALL)).toBe('PASS: 4 objects as in production (1 table, 2 columns, 1 index)');
});

test('names a column that is missing', () => {
  expect(judge(ALL, [ORDERS, TOTAL, INDEX])).toBe('FAIL: orders.shipping_address is missing');
});

test('tells a missing table once, and not each of its columns and indexes', () => {
  expect(judge(ALL, [])).toBe('FAIL: orders is missing');
});

test('tells a missing table once wherever it stands in the order in which objects are read', () => {
  expect(judge(ALL.toReversed(), [])).toBe('FAIL: orders is missing');
});

test('tells both definitions where words for them are known', () => {
  const other = { ...TOTAL, digest: 'b', says: 'integer' };

  expect(judge(ALL, [ORDERS, other, ADDRESS, INDEX])).toBe(
    'FAIL: orders.total is "integer", in production "numeric not null"',
  );
});

test('tells that an index is invalid in the copy only', () => {
  const invalid = { ...INDEX, digest: 'b', says: 'invalid' };

  expect(judge(ALL, [ORDERS, TOTAL, ADDRESS, invalid])).toBe(
    'FAIL: index orders_pkey is "invalid", in production "valid"',
  );
});

test('fails for another definition although there are no words for it', () => {
  const [one, other] = [
    object('function', 'f(integer)'),
    object('function', 'f(integer)', { digest: 'b' }),
  ];

  expect(judge([one], [other])).toBe('FAIL: function f(integer) is not defined as in production');
});

test('names what only the copy has, a table without its columns', () => {
  expect(judge([INDEX], ALL)).toBe('FAIL: orders is not in production');
});

test('names five differences and counts the others', () => {
  const tables = Array.from({ length: 8 }, (_, i) => object('table', `t${i}`));

  expect(judge(tables, [])).toBe(
    'FAIL: t0 is missing; t1 is missing; t2 is missing; t3 is missing; t4 is missing … and 3 more',
  );
});

test('does not judge what production changed between two readings, and says so', () => {
  const moving = object('table', 'moving');
  const made = object('table', 'made');
  const pair = {
    production: catalogueOf([...ALL, moving]),
    later: catalogueOf([...ALL, { ...moving, digest: 'b' }, made]),
    copy: catalogueOf([...ALL, made]),
  };

  expect(judgeCatalogue(pair)).toEqual({
    verdict: 'PASS',
    detail:
      '4 objects as in production (2 tables, 2 columns, 1 index), 1 changed meanwhile and were not compared',
  });
});

test('still fails for what both readings say', () => {
  const production: Catalogue = catalogueOf(ALL);
  const copy = catalogueOf([ORDERS, TOTAL, INDEX]);

  expect(judgeCatalogue({ production, later: production, copy }).verdict).toBe('FAIL');
});

test('cannot tell what production may have changed and changed back between two readings', () => {
  const production: Catalogue = catalogueOf(ALL);
  const trigger = object('trigger', 'keep of orders', { parent: 'orders' });
  const disabled = { ...trigger, digest: 'b' };
  const both = catalogueOf([...ALL, trigger]);
  const doubt =
    'ERROR: production was read before and after the position, and may have changed in between and back: ';

  expect(between({ production: both, later: both, copy: catalogueOf([...ALL, disabled]) })).toBe(
    `${doubt}trigger keep of orders is not defined as in production`,
  );
  const remade = object('index', 'orders_pkey_ccnew', { parent: 'orders', says: 'invalid' });
  expect(between({ production, later: production, copy: catalogueOf([...ALL, remade]) })).toBe(
    `${doubt}index orders_pkey_ccnew is not in production`,
  );
  // In the snapshot that is compared nothing is in doubt.
  expect(between({ production, copy: catalogueOf([...ALL, remade]) })).toMatch(/^FAIL/);
});

test('cannot tell whether a right was taken away and given again, which leaves no trace', () => {
  const member = object('membership', 'bot in clerk granted by postgres');
  const production = catalogueOf([...ALL, member]);

  expect(judgeCatalogue({ production, later: production, copy: catalogueOf(ALL) }).verdict).toBe(
    'ERROR',
  );
});

test('tells only the faults, where some of what it found is in doubt', () => {
  const production = catalogueOf(ALL);
  const copy = catalogueOf([ORDERS, TOTAL, INDEX, object('table', 'staging')]);

  expect(judgeCatalogue({ production, later: production, copy })).toEqual({
    verdict: 'FAIL',
    detail: 'orders.shipping_address is missing',
  });
});
