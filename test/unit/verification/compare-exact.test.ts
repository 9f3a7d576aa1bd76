/** Tests of comparing contents at one position: no tolerance, and nothing unseen is called equal. */
import { describe, expect, test } from 'vitest';

import type {
  DatabaseContent,
  MissedTable,
  TableContent,
} from '../../../src/engines/proof-point.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import type { ComparedTable } from '../../../src/verification/compare.ts';
import {
  compareContent,
  exactShows,
  judgeContents,
  type RestoredTable,
  standsElsewhere,
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

const LOCKED = { outcome: 'left out', reason: 'held locked', why: 'locked' } as const;
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
    expect(compare(LOCKED)).toMatchObject({
      equal: null,
      outcome: 'not compared',
      reason: 'held locked',
    });
    expect(compare(undefined)).toMatchObject({ equal: null, outcome: 'not compared' });
  });

  test('calls nothing equal that was hashed in production and not in the copy', () => {
    const pages = { fromPage: 0, toPage: 1200 };
    for (const change of [{ pages }, {}])
      expect(compare({ ...EQUAL, hash: null }, change)).toMatchObject({
        equal: null,
        outcome: 'not compared',
      });

    expect(compare({ ...EQUAL, hash: null }, { hash: null })).toMatchObject({ equal: true });
    expect(compare({ ...EQUAL, rows: 3, hash: null }, { pages })).toMatchObject({ equal: false });
  });

  test('takes another file in the copy for another position, however the rows were hashed', () => {
    expect(standsElsewhere(ORDERS, ORDERS.fileNode)).toBeUndefined();
    const restored = standsElsewhere(ORDERS, '16999');

    expect(compare(restored)).toMatchObject({ equal: null, outcome: 'not compared' });
    expect(judgeContents([compare(EQUAL), compare(restored)], []).verdict).toBe('ERROR');
  });
});

describe('judgeContents()', () => {
  test('passes when all that was looked at is equal, and names what was not', () => {
    const seen = [compare(EQUAL), compare(EQUAL, { pages: { fromPage: 0, toPage: 9 } })];

    const { verdict, detail } = judgeContents(seen, [
      missing({ table: 'carts', why: 'changed', reason: 'it was dropped meanwhile' }),
    ]);

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
    expect(judgeContents([compare(LOCKED)], []).verdict).toBe('ERROR');
    expect(judgeContents([], []).verdict).toBe('SKIPPED');
  });

  test.each(['locked', 'out of time', 'changed', 'denied', 'unreadable'] as const)(
    'cannot tell when all that production has was missed there: %s',
    (why) => {
      const { verdict, detail } = judgeContents(
        [],
        [missing({ table: 'carts', why, reason: 'x' })],
      );

      expect(verdict).toBe('ERROR');
      expect(detail).toContain('no table could be compared: carts: x');
    },
  );

  test('passes what was locked or late beside what is equal, and not what is denied every day', () => {
    const reason = 'permission denied (`GRANT pg_read_all_data TO …;` would let us)';
    const seen = (['locked', 'out of time', 'unreadable', 'denied'] as const).map((why) =>
      judgeContents([compare(EQUAL)], [missing({ table: 'carts', why, reason })]),
    );

    expect(seen.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS', 'ERROR', 'ERROR']);
    expect(seen.at(-1)?.detail).toBe(`could not be told of carts: ${reason}`);
  });

  test('passes only what is locked or late in the copy beside what is equal', () => {
    for (const why of ['locked', 'out of time', 'changed', 'denied', 'unreadable'] as const)
      expect(judgeContents([compare(EQUAL), compare({ ...LOCKED, why })], []).verdict).toBe(
        why === 'locked' || why === 'out of time' ? 'PASS' : 'ERROR',
      );
    expect(judgeContents([compare(EQUAL), compare(undefined)], []).verdict).toBe('ERROR');
  });

  test('skips a database of which nothing was meant to be compared', () => {
    const leftOut = ['unlogged tables: cache'];
    const { verdict } = judgeContents([], [{ database: 'shop', leftOut, missed: [] }]);

    expect(verdict).toBe('SKIPPED');
  });

  test('cannot tell when nothing was compared and another database is not looked into', () => {
    const { verdict, detail } = judgeContents(
      [],
      [{ database: 'postgres', leftOut: ['database shop'], missed: [] }],
    );

    expect(verdict).toBe('ERROR');
    expect(detail).toContain('`databases` does not name database shop');
  });
});

function missing(
  ...missed: MissedTable[]
): Pick<DatabaseContent, 'database' | 'leftOut' | 'missed'> {
  const leftOut = missed.map(({ table, reason }) => `${table}: ${reason}`);
  return { database: 'shop', leftOut, missed };
}

function content(table: Partial<TableContent>, leftOut: string[] = []): DatabaseContent {
  const at = '2026-11-24T04:20:00.000000Z';
  return {
    database: 'shop',
    lsn: toLsn('0/300'),
    at,
    tables: [{ ...ORDERS, ...table }],
    leftOut,
    missed: [],
  };
}

describe('exactShows()', () => {
  test('claims equal contents only where contents were hashed', () => {
    expect(exactShows([content({})], false)).toContain(
      'every count and every hash had to be equal',
    );
    const counted = exactShows([content({ hash: null })], false);
    expect(counted).toContain('every count had to be equal');
    expect(counted).toContain('Counts only: it does not show that contents are equal');
    const both = { ...content({}), tables: [ORDERS, { ...ORDERS, hash: null }, ORDERS] };
    expect(exactShows([both], false)).toContain('Of 1 table only the rows were counted.');
  });

  test('speaks of nothing equal where no table was compared', () => {
    const shows = exactShows([{ ...content({}, ['unlogged tables: cache']), tables: [] }], false);

    expect(shows).not.toMatch(/equal|Exact/);
    expect(shows).toContain('Not compared: unlogged tables: cache.');
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
