import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { Catalogues, type ProofPoint } from '../../../src/engines/proof-point.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import {
  type CatalogueObject,
  catalogueOf,
  READING,
} from '../../../src/postgres/catalogue-reading.ts';
import { CLUSTER_OBJECTS, DATABASE_OBJECTS } from '../../../src/postgres/catalogue-sql.ts';
import type { ProductionCatalogue } from '../../../src/verification/catalogue-production.ts';
import { storedCatalogue, withCatalogues } from '../../../src/verification/catalogue-stored.ts';

const OBJECTS: readonly CatalogueObject[] = [
  { kind: 'table', name: 'orders', parent: '', digest: 'a', says: '' },
  { kind: 'column', name: 'orders.total', parent: 'orders', digest: 'b', says: 'numeric' },
  { kind: 'column', name: 'orders.id', parent: 'orders', digest: 'c', says: 'numeric' },
  // Names that would be another's, were they joined or taken apart carelessly.
  { kind: 'index', name: '.total', parent: 'orders', digest: 'd', says: 'valid' },
  { kind: 'table', name: '__proto__', parent: '', digest: 'e', says: '' },
  { kind: 'column', name: '__proto__..x', parent: '__proto__', digest: 'f', says: 'text' },
];
const ROLE: CatalogueObject = { kind: 'role', name: 'clerk', parent: '', digest: 'a', says: '' };

const SEQUENCE = {
  name: 'orders_id_seq',
  last: 9_223_372_036_854_775_807n,
  increment: -5n,
  fileNode: '16404',
  isReadable: true,
  cycles: false,
};
const NEVER_USED = { ...SEQUENCE, name: 'other_id_seq', last: null, isReadable: false };

const READ: ProductionCatalogue = {
  objects: catalogueOf(OBJECTS),
  shared: catalogueOf([ROLE]),
  sequencesBefore: { fromLsn: toLsn('0/1'), toLsn: toLsn('0/2'), sequences: [SEQUENCE] },
  sequencesAfter: { fromLsn: toLsn('0/5'), toLsn: toLsn('0/6'), sequences: [NEVER_USED] },
  preloads: ['pg_stat_statements'],
  failures: [],
};

function point(...databases: readonly [string, string][]): ProofPoint {
  return {
    untilLsn: toLsn('0/9'),
    databases: databases.map(([database, lsn]) => ({
      database,
      lsn: toLsn(lsn),
      at: '2026-11-22T02:00:06.000000Z',
      tables: [],
      leftOut: [],
      missed: [],
    })),
  };
}

/** As a manifest gives it back. */
function keep(read: (database: string) => ProductionCatalogue, of = point(['shop', '0/3'])) {
  const taken = withCatalogues(of, read);
  const catalogues = Catalogues.parse(JSON.parse(JSON.stringify(taken.catalogues)));
  return { ...taken, catalogues };
}

test('gives back every object, sequence and library that was read', () => {
  const stored = storedCatalogue(
    keep(() => READ),
    'shop',
  );

  expect([...(stored.objects?.objects() ?? [])].toSorted(byName)).toEqual(OBJECTS.toSorted(byName));
  expect([...(stored.shared?.objects() ?? [])]).toEqual([ROLE]);
  expect(stored.sequencesBefore).toEqual(READ.sequencesBefore);
  expect(stored.sequencesAfter).toEqual(READ.sequencesAfter);
  expect(stored).toMatchObject({ preloads: ['pg_stat_statements'], failures: [] });
});

function byName(a: CatalogueObject, b: CatalogueObject): number {
  return a.name < b.name ? -1 : 1;
}

test('keeps what the cluster shares once: where the copy stands first', () => {
  const kept = keep(() => READ, point(['crm', '0/4'], ['shop', '0/3']));

  expect(storedCatalogue(kept, 'crm').shared).toBeUndefined();
  expect(storedCatalogue(kept, 'shop').shared?.size).toBe(1);
  expect(storedCatalogue(kept, 'crm').objects?.size).toBe(OBJECTS.length);
});

test('says why there is nothing to compare with, and never gives half of it', () => {
  const before = storedCatalogue(point(['shop', '0/3']), 'shop');
  const large = withCatalogues(point(['shop', '0/3']), () => READ, 100);
  const failed = keep(() => ({ failures: ['the statement took too long'] }));
  const kept = keep(() => READ);
  const other = { ...kept, catalogues: { ...kept.catalogues, reading: READING + 1 } };

  expect(before.skipped).toMatch(/: the backup was taken before they were kept$/);
  expect(large.catalogues).toBeUndefined();
  expect(storedCatalogue(large, 'shop').skipped).toMatch(/: they take 0\.0 MiB, and a manifest/);
  expect(storedCatalogue(failed, 'shop')).toMatchObject({
    skipped: 'the proof point has no catalogue to compare with: the statement took too long',
    failures: [],
  });
  expect(storedCatalogue(other, 'shop')).toEqual({
    failures: [],
    skipped: expect.stringMatching(/read in another way \(number 2, today 1\)$/) as unknown,
  });
  expect(storedCatalogue(kept, 'crm').skipped).toMatch(/: it has none of crm$/);
});

test('takes so little that 100,000 columns are far from what a manifest holds at most', () => {
  const columns = Array.from({ length: 5000 }, (_, at): CatalogueObject => {
    const parent = `some_schema.a_table_of_the_shop_${Math.floor(at / 50)}`;
    const name = `${parent}.a_column_with_a_long_name_${at}`;
    const digest = at.toString(16).padStart(16, '0');
    return { kind: 'column', name, parent, digest, says: `character varying(${at % 200})` };
  });
  const read: ProductionCatalogue = { objects: catalogueOf(columns), failures: [] };

  const { catalogues } = withCatalogues(point(['shop', '0/3']), () => read);

  expect(JSON.stringify(catalogues).length * 20).toBeLessThan(8 << 20);
});

test('what is read is counted up with the number that stands beside every digest', () => {
  const sql = `${DATABASE_OBJECTS}\n${CLUSTER_OBJECTS}`.replaceAll(/\s+/g, ' ');
  const digest = createHash('sha256').update(sql).digest('hex').slice(0, 12);

  // Another text may make other digests: count up `READING`, or old backups look damaged.
  expect([READING, digest]).toEqual([1, 'aea6f8c27f8e']);
});
