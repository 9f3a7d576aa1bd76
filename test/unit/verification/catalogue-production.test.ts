import { expect, test } from 'vitest';

import type { Session } from '../../../src/postgres/session.ts';
import {
  type CatalogueWatch,
  watchCatalogue,
} from '../../../src/verification/catalogue-production.ts';

const TABLE = { kind: 'table', name: 'orders', parent: '', digest: 'a', says: '' };

/** Answers each reading with one table, whose digest says which reading it was. */
class Production {
  readings = 0;
  refuses: string | undefined;

  #answer(sql: string): readonly object[] {
    if (this.refuses !== undefined) throw new Error(this.refuses);
    if (sql.startsWith('DECLARE')) this.readings += 1;
    return sql.startsWith('FETCH') ? [{ ...TABLE, digest: String(this.readings) }] : [];
  }

  async connect(): Promise<Session> {
    if (this.refuses !== undefined) throw new Error(this.refuses);
    return this.session();
  }

  session(): Session {
    return {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test knows its rows
      query: async <Row extends object>(sql: string) => this.#answer(sql) as readonly Row[],
      transaction: async (_begin, work) => work(),
      copyIn: async () => 0,
      copyOut: nothing,
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

async function* nothing(): AsyncIterable<Buffer> {
  // Nothing is copied here.
}

function watch(production: Production, onlyExact = false): CatalogueWatch {
  const { signal } = new AbortController();
  return watchCatalogue(
    { connect: async () => production.connect() },
    { url: 'postgres://shop', databases: ['shop'], onlyExact, signal },
  );
}

function digest(watched: CatalogueWatch, which: 'objects' | 'later'): string | undefined {
  return watched.of('shop')[which]?.find('table', 'orders')?.digest;
}

test('takes what was read in the snapshot for exact, and reads nothing again', async () => {
  const production = new Production();
  const watched = watch(production);

  await watched.before();
  await watched.inSnapshot(production.session(), 'shop');
  await watched.after();

  // Two scopes each: the third reading is the first of the snapshot.
  expect(digest(watched, 'objects')).toBe('3');
  expect(digest(watched, 'later')).toBeUndefined();
});

test('without a snapshot keeps what was read before and what was read after', async () => {
  const watched = watch(new Production());

  await watched.before();
  await watched.after();

  expect([digest(watched, 'objects'), digest(watched, 'later')]).toEqual(['1', '3']);
});

test('goes back to what was read before and after when no position came of the snapshot', async () => {
  const production = new Production();
  const watched = watch(production);

  await watched.before();
  await watched.inSnapshot(production.session(), 'shop');
  watched.forgetExact();
  await watched.after();

  expect([digest(watched, 'objects'), digest(watched, 'later')]).toEqual(['1', '5']);
  expect(watched.of('shop').failures).toEqual([]);
});

test('compares nothing when the snapshot could not be read: what was read before is of another position', async () => {
  const production = new Production();
  const watched = watch(production);

  await watched.before();
  production.refuses = 'the statement took too long';
  await watched.inSnapshot(production.session(), 'shop');

  expect(watched.of('shop').objects).toBeUndefined();
  expect(watched.of('shop').failures).toEqual(['the statement took too long']);
});

test('stops nothing when production does not answer, and keeps why', async () => {
  const production = new Production();
  production.refuses = 'Cannot connect';
  const watched = watch(production);

  await watched.before();
  await watched.after();

  expect(watched.of('shop').objects).toBeUndefined();
  expect(watched.of('shop').failures).toEqual(['Cannot connect', 'Cannot connect']);
});

test('reads nothing but sequences outside of the snapshot where only that is of use', async () => {
  const production = new Production();
  const watched = watch(production, true);

  await watched.before();
  const before = production.readings;
  await watched.inSnapshot(production.session(), 'shop');
  await watched.after();

  expect([before, production.readings]).toEqual([0, 2]);
  expect(digest(watched, 'objects')).toBe('1');
  expect(watched.of('shop')).toMatchObject({ sequencesBefore: {}, sequencesAfter: {} });
});
