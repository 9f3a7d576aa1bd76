/** Tests of comparing contents at one position: no tolerance, and nothing unseen is called equal. */
import { describe, expect, test } from 'vitest';

import type { DatabaseContent, TableContent } from '../../../src/engines/proof-point.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import type { ComparedTable } from '../../../src/verification/compare.ts';
import {
  compareContent,
  exactShows,
  judgeContents,
  type RestoredTable,
} from '../../../src/verification/compare-exact.ts';

const ORDERS: TableContent = {
  schema: 'public',
  table: 'orders',
  rows: 1000,
  hash: '-77',
  pages: null,
  fileNode: '16390',
  sizeBytes: 90_000,
};

function compare(
  restored: RestoredTable | undefined,
  changes: Partial<TableContent> = {},
): ComparedTable {
  return compareContent('orders', { ...ORDERS, ...changes }, restored);
}

const EQUAL = { outcome: 'counted', rows: 1000, hash: '-77' } as const;

describe('compareContent()', () => {
  test('calls equal what has the same count and the same hash', () => {
    expect(compare(EQUAL)).toMatchObject({
      equal: true,
      outcome: 'equal',
      sourceHash: '-77',
      restoredHash: '-77',
      reason: null,
    });
  });

  test('calls different one row more, one less, and other contents', () => {
    for (const change of [{ rows: 1001 }, { rows: 999 }, { hash: '-76' }])
      expect(compare({ ...EQUAL, ...change })).toMatchObject({
        equal: false,
        outcome: 'different',
      });
  });

  test('calls different what is missing in the copy, or damaged there', () => {
    expect(compare({ outcome: 'missing' })).toMatchObject({ equal: false, restoredRows: null });
    expect(compare({ outcome: 'damaged', reason: 'invalid page' })).toMatchObject({
      equal: false,
      reason: 'invalid page',
    });
  });

  test('calls neither what could not be read', () => {
    expect(compare({ outcome: 'left out', reason: 'locked' })).toMatchObject({
      equal: null,
      outcome: 'not compared',
      reason: 'locked',
    });
    expect(compare(undefined)).toMatchObject({ equal: null, outcome: 'not compared' });
  });

  test('compares by count alone what was rewritten since its pages were hashed', () => {
    const pages = { fromPage: 0, toPage: 1200 };

    expect(compare({ ...EQUAL, hash: null }, { pages })).toMatchObject({ equal: true, pages });
    expect(compare({ ...EQUAL, rows: 3, hash: null }, { pages })).toMatchObject({ equal: false });
  });
});

describe('judgeContents()', () => {
  test('passes when all that was looked at is equal, and names what was not', () => {
    const seen = [compare(EQUAL), compare(EQUAL, { pages: { fromPage: 0, toPage: 9 } })];

    const { verdict, detail } = judgeContents(seen, ['carts: it was dropped meanwhile']);

    expect(verdict).toBe('PASS');
    expect(detail).toBe(
      '2,000 rows in 2 tables equal, and the contents of 1 and a seventh of the contents of 1 by hash; not compared: carts: it was dropped meanwhile',
    );
  });

  test('fails for one table that differs among many that do not', () => {
    const seen = [compare(EQUAL), compare({ ...EQUAL, rows: 999 }), compare(EQUAL)];

    expect(judgeContents(seen, [])).toEqual({
      verdict: 'FAIL',
      detail: 'orders has 999 rows, production has 1,000',
    });
  });

  test('never passes what nobody could look at', () => {
    const missed = compare({ outcome: 'left out', reason: 'locked' });

    expect(judgeContents([missed], []).verdict).toBe('ERROR');
    expect(judgeContents([], []).verdict).toBe('SKIPPED');
  });
});

function content(table: Partial<TableContent>, leftOut: string[] = []): DatabaseContent {
  const at = '2026-11-24T04:20:00.000000Z';
  return {
    database: 'shop',
    lsn: toLsn('0/300'),
    at,
    tables: [{ ...ORDERS, ...table }],
    leftOut,
  };
}

describe('exactShows()', () => {
  test('claims equal contents only where contents were hashed', () => {
    expect(exactShows([content({})], false)).toContain(
      'every count and every hash had to be equal',
    );
    const counted = exactShows([content({ hash: null })], false);
    expect(counted).toContain('every count had to be equal');
    expect(counted).toContain('does not show that contents are equal');
  });

  test('says when only a part was hashed, and what was not compared', () => {
    const pages = { fromPage: 0, toPage: 1200 };
    const shows = exactShows([content({ pages }, ['unlogged tables: cache'])], false);

    expect(shows).toContain('Of large tables a seventh was hashed');
    expect(shows).toContain('Not compared: unlogged tables: cache.');
  });

  test('says as of when, where the backup itself says what it must hold', () => {
    expect(exactShows([content({})], true)).toContain(
      'as production stood at 2026-11-24T04:20:00.000000Z, when the backup was taken',
    );
  });
});
