/** What is read of a database, and in which order. */
import { expect, test } from 'vitest';

import type { CountableTable } from '../../../src/postgres/table-content.ts';
import { planTables } from '../../../src/verification/content.ts';

const AT = Temporal.Instant.from('2026-11-24T04:20:00Z');

function table(name: string, sizeBytes: number): CountableTable {
  const place = { schema: 'public', oid: name, fileNode: '7', columns: ['id'], isHeap: true };
  return { ...place, table: name, sizeBytes, pages: sizeBytes / 8192 };
}

const TABLES = [table('large', 81_920), table('middle', 40_960), table('small', 8192)];

function order(limit: number, late: readonly string[] = []): readonly string[] {
  const { planned } = planTables(TABLES, {
    database: 'shop',
    budget: { tables: limit, hash: 'part' },
    at: AT,
    lateBefore: new Map(late.map((name) => [name, 1])),
  });
  return planned.map((one) => one.table.table);
}

test('planTables() reads small tables first, because the end may not be reached', () => {
  expect(order(3)).toEqual(['small', 'middle', 'large']);
  expect(order(2)).toEqual(['middle', 'large']);
});

test('planTables() begins with what the last proof did not get to', () => {
  expect(order(3, ['shop.large'])).toEqual(['large', 'small', 'middle']);
  expect(order(3, ['crm.large'])).toEqual(['small', 'middle', 'large']);
});
