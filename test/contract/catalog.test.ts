/** The SQLite catalogue: the contract, and what only a file can promise. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';

import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { createJournal } from '../../src/journal/journal.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { catalogContract } from './catalog.contract.ts';
import type { OpenedCatalog } from './catalog-runs.contract.ts';

async function open(): Promise<OpenedCatalog & { readonly path: string }> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const path = join(folder.path, 'catalog.sqlite');
  const catalog = stack.use(await openSqliteCatalog({ path, clock: systemClock }));
  const owned = stack.move();
  return {
    path,
    catalog,
    again: () => openSqliteCatalog({ path, clock: systemClock }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

catalogContract('openSqliteCatalog()', open);

const ENTRY = { at: '2026-11-22T14:46:00.000000Z', what: 'looked', actor: {}, runId: null };

describe('createJournal().verify()', () => {
  test.each([
    ['edited', 'UPDATE journal SET data = \'{"n":9}\' WHERE seq = 2', 2, 'content'],
    ['edited together with its hash', "UPDATE journal SET hash = 'x' WHERE seq = 2", 2, 'content'],
    ['removed', 'DELETE FROM journal WHERE seq = 2', 2, 'missing'],
    ['removed as the newest', 'DELETE FROM journal WHERE seq = 3', 3, 'newest'],
    ['given another run', "UPDATE journal SET run_id = 'r' WHERE seq = 1", 1, 'content'],
  ])('finds the entry that was %s', async (_how, statement, seq, why) => {
    await using opened = await open();
    for (const n of [1, 2, 3]) await opened.catalog.journal.append({ ...ENTRY, data: { n } });
    const editor = new BetterSqlite3(opened.path);
    editor.exec(statement);
    editor.close();

    const chain = await createJournal(opened.catalog.journal).verify();

    expect(chain).toMatchObject({ outcome: 'broken', seq, entries: seq - 1 });
    expect(JSON.stringify(chain)).toContain(why);
  });
});

describe('openSqliteCatalog()', () => {
  test('makes a file that only its owner can read', async () => {
    await using opened = await open();
    await opened.catalog.cursors.set('slack', 1);

    for (const suffix of ['', '-wal', '-shm'])
      expect(statSync(opened.path + suffix).mode & 0o777).toBe(0o600);
  });

  test('refuses a catalogue that a newer dbdr wrote', async () => {
    await using opened = await open();
    const editor = new BetterSqlite3(opened.path);
    editor.pragma('user_version = 99');
    editor.close();

    await expect(opened.again()).rejects.toMatchObject({ kind: { code: 'CATALOG_TOO_NEW' } });
  });

  test('refuses a folder that is not there, naming the path', async () => {
    const path = '/nowhere/catalog.sqlite';

    const opening = openSqliteCatalog({ path, clock: systemClock });

    await expect(opening).rejects.toMatchObject({ kind: { code: 'CATALOG_UNREADABLE' } });
    await expect(opening).rejects.toThrow(path);
  });

  test('waits for a lock without freezing the process', async () => {
    await using opened = await open();
    const blocker = new BetterSqlite3(opened.path);
    blocker.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const writing = opened.catalog.cursors.set('slack', 1);

    for (; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await opened.catalog.cursors.get('slack')).toBe(0);
    blocker.exec('COMMIT');
    blocker.close();
    await writing;

    expect(await opened.catalog.cursors.get('slack')).toBe(1);
  });

  test('lets processes write at once, and loses none of it', async () => {
    await using opened = await open();
    const source = new URL('../support/catalog-writer.ts', import.meta.url);
    const workers = ['a', 'b'].map(
      (writer) => new Worker(source, { workerData: { path: opened.path, writer, count: 50 } }),
    );

    await Promise.all(workers.map((worker) => once(worker, 'exit')));

    expect((await opened.catalog.journal.head()).seq).toBe(100);
    expect(await createJournal(opened.catalog.journal).verify()).toMatchObject({
      outcome: 'holds',
    });
  });
});
