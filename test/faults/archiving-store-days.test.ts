/** Bad days of the store and of the receiver: what is lost, what is not, and who hears of it. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { segmentKey } from '../../src/engines/streaming/wal-format.ts';
import { putWal } from '../../src/engines/streaming/wal-objects.ts';
import { lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { segmentBegin, segmentNameAt } from '../../src/kernel/wal-name.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { absentStore } from '../support/absent-store.ts';
import {
  archivedServer,
  archiveFor,
  currentLsn,
  logFiles,
  loseSegment,
  nextSecond,
  writeLog,
} from '../support/archived-server.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import { dropSlots, SEGMENT_BYTES, startSmallSegments } from '../support/small-segments.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startSmallSegments();
});

afterEach(async () => {
  await dropSlots(postgres);
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('a segment that is stored already with other bytes: both stay, and people are called', async () => {
  await using archived = await archivedServer(postgres);
  const { stored } = await archiveFor(postgres, archived, 1);
  const { systemId = '' } = (await archived.catalog.walProgress.find('shop', 'here')) ?? {};
  const { server, store } = archived;
  const folder = { server: server.name, major: 15, systemId };
  const name = segmentNameAt(1, stored, SEGMENT_BYTES);
  const bytes = randomBytes(SEGMENT_BYTES);
  const key = segmentKey(folder, name, server.ring.contentName(bytes));
  await putWal({ store, ring: server.ring, folder, signal }, key, bytes);

  await using running = archived.start();
  await writeLog(postgres);
  await archived.untilStored(await writeLog(postgres));

  const finding = await archived.finding('ARCHIVING_LOG_CONFLICT');
  expect(finding?.severity).toBe('page');
  expect(finding?.summary).toContain(name);
  await archived.lookForHoles();
  expect(await archived.finding('ARCHIVING_LOG_HOLE')).toBeDefined();
  const [own] = (await archived.wal()).stores;
  expect(own?.conflicts).toEqual([name]);
  const copies = own?.holes.flatMap((hole) => hole.copies) ?? [];
  expect(copies.map(({ segment }) => segment)).toEqual([name, name]);
  expect(copies.map(({ hash }) => hash)).toContain(server.ring.contentName(bytes));

  await store.remove(key, { signal });
  await archived.lookForHoles();
  expect(await archived.catalog.findings.list('shop')).toEqual([]);
  await running.stop();
});

test('a segment that vanishes from the store: told, and its moments are out of reach until the next backup', async () => {
  await using archived = await archivedServer(postgres);
  const { stored } = await archiveFor(postgres, archived, 3);
  const { first, name } = await loseSegment(archived, stored);

  await archived.lookForHoles();

  const finding = await archived.finding('ARCHIVING_LOG_HOLE');
  expect(finding?.severity).toBe('page');
  expect(finding?.summary).toContain(`no moment after ${first} can be reached`);
  const wal = await archived.wal();
  expect(wal.holes).toMatchObject([
    { first: name, last: name, timeline: 1, from: first, segments: 1, bytes: SEGMENT_BYTES },
  ]);
  for (const side of [wal.holes[0]?.after, wal.holes[0]?.before])
    expect(side?.hash).toMatch(/^[0-9a-f]{32}$/);
  expect(wal.bases).toMatchObject([{ to: first, reaches: 'hole' }]);
  expect(archived.walExitCode(wal)).toBe(1);
  await using running = archived.start();
  await nextSecond();
  await archived.recordBase(await currentLsn(postgres));
  await archived.untilStored(await writeLog(postgres));
  await archived.lookForHoles();
  const repaired = await archived.finding('ARCHIVING_LOG_HOLE');
  expect(repaired?.severity).toBe('warn');
  expect(repaired?.summary).toContain(`between ${first} and`);
  const [old] = await archived.catalog.backups.list('shop');
  if (old === undefined) throw new Error('There is a backup');
  await archived.catalog.backups.remove('shop', old.backupId, 'here');
  await archived.lookForHoles();
  expect(await archived.finding('ARCHIVING_LOG_HOLE')).toBeUndefined();
  await running.stop();
});

test('`wal` while a store is away: what is known of the server and the others, who is missing, and no verdict', async () => {
  const west = absentStore(memoryStore());
  await using archived = await archivedServer(postgres, {
    otherStores: [{ name: 'west', store: west }],
  });
  const { stored } = await archiveFor(postgres, archived, 1);
  await writeLog(postgres);
  archived.store.isAway = true;

  const wal = await archived.wal();
  const [here, other] = wal.stores;

  expect(here).toMatchObject({ store: 'here', coverage: [], storedLsn: stored });
  expect(here?.unreachable).toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  expect(other).toMatchObject({ store: 'west', unreachable: null });
  expect(wal).toMatchObject({ slot: { name: 'dbdr_shop' }, segments: null, unreachable: null });
  expect(wal.lagBytes).toBeGreaterThan(1_000_000);
  expect(wal.bases).toMatchObject([{ to: null, reaches: 'unknown' }]);
  expect(archived.walExitCode(wal)).toBe(4);

  archived.store.isAway = false;
  west.isAway = true;
  const back = await archived.wal();
  expect(back.stores[1]?.unreachable).toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  expect(back.bases).toMatchObject([{ reaches: 'all' }]);
  expect(archived.walExitCode(back)).toBe(4);
  west.isAway = false;
  expect(archived.walExitCode(await archived.wal())).toBe(0);
});

test('`wal` with server and stores away names all of them', async () => {
  const west = absentStore(memoryStore());
  await using archived = await archivedServer(postgres, {
    url: 'postgres://nobody@127.0.0.1:9/none',
    otherStores: [{ name: 'west', store: west }],
  });
  archived.store.isAway = true;
  west.isAway = true;

  const wal = await archived.wal();

  expect(wal.unreachable).toMatchObject({ code: 'POSTGRES_UNREACHABLE' });
  expect(wal.stores.map(({ unreachable }) => unreachable?.code)).toEqual([
    'STORAGE_UNREACHABLE',
    'STORAGE_UNREACHABLE',
  ]);
  expect(archived.walExitCode(wal)).toBe(4);
});

test('receiver killed before and after each of its writes: nothing is missing and nothing differs', async () => {
  const inner = memoryStore();
  let left = Number.POSITIVE_INFINITY;
  await using archived = await archivedServer(postgres, { store: dyingStore(inner, () => left--) });
  const { stored: begin } = await archiveFor(postgres, archived, 1);
  for (let writes = 1; writes <= 12; writes++) {
    await using running = archived.start();
    left = writes;
    await waitUntil(async () => {
      await writeLog(postgres, 1000);
      return left <= 0;
    });
    left = Number.POSITIVE_INFINITY;
    await archived.untilStored(await currentLsn(postgres));
    await running.stop();
  }
  const end = await currentLsn(postgres);
  const files = await logFiles(postgres, begin);
  await using last = archived.start();
  await archived.untilStored(end);
  await last.stop();

  expect(await archived.inventory()).toMatchObject({ missing: [], runs: [{}] });
  expect(files.size).toBeGreaterThan(0);
  expect(await archived.differing(files, end)).toEqual([]);
});

test('a prepared transaction left open: archiving goes on, and the slot moves past it', async () => {
  await using archived = await archivedServer(postgres);
  await postgres.query('CREATE TABLE IF NOT EXISTS load (i int, text text)');
  await postgres.query('BEGIN; INSERT INTO load VALUES (1); PREPARE TRANSACTION $$left open$$');
  const prepared = await currentLsn(postgres);

  await using running = archived.start();
  for (let i = 0; i < 2; i++) await writeLog(postgres);
  await archived.untilStored(await currentLsn(postgres));
  await waitUntil(async () => (await archived.wal()).slot?.restartLsn !== prepared);

  const { slot, missing } = await archived.wal();
  expect(missing).toEqual([]);
  expect(lsnBytes(toLsn(slot?.restartLsn ?? '0/0'))).toBeGreaterThan(lsnBytes(prepared));
  await running.stop();
  await postgres.query('ROLLBACK PREPARED $$left open$$');
});

test('a slow server has few tails, because they are joined, and every byte is still there', async () => {
  await using archived = await archivedServer(postgres);
  await using running = archived.start();
  await archived.untilStored(await currentLsn(postgres));
  let tailsMax = 0;
  for (let i = 0; i < 75; i++) {
    await postgres.query(`SELECT pg_logical_emit_message(true, 'test', 'small')`);
    await archived.untilStored(await currentLsn(postgres));
    tailsMax = Math.max(tailsMax, await tailsOf(archived.store));
  }
  const end = await currentLsn(postgres);
  const files = await logFiles(postgres, segmentBegin(end, SEGMENT_BYTES));
  await running.stop();

  expect(tailsMax).toBeGreaterThan(20);
  expect(tailsMax).toBeLessThanOrEqual(35);
  expect(await tailsOf(archived.store)).toBeLessThanOrEqual(20);
  expect(await archived.differing(files, end)).toEqual([]);
});

/** Dies as a process would: the write that uses up what is left is done or not, and nothing after it. */
function dyingStore(inner: ObjectStore, use: () => number): ObjectStore {
  return {
    description: inner.description,
    open: (key, options) => inner.open(key, options),
    stat: (key, options) => inner.stat(key, options),
    list: (prefix, options) => inner.list(prefix, options),
    census: (options) => inner.census(options),
    sweep: (options) => inner.sweep(options),
    async put(key, body, options) {
      const bytes = Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>));
      if (use() <= 0) throw new Error('killed before a write');
      const written = await inner.put(key, Readable.from([bytes]), options);
      if (use() <= 0) throw new Error('killed after a write');
      return written;
    },
    async remove(key, options) {
      if (use() <= 0) throw new Error('killed before a removal');
      await inner.remove(key, options);
    },
  };
}

async function tailsOf(store: ObjectStore): Promise<number> {
  let tails = 0;
  for await (const { key } of store.list('shop/', { signal })) if (key.includes('/tail/')) tails++;
  return tails;
}
