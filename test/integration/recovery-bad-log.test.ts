/**
 * Stored log that is bad, met by a real restore that was planned when all was well: each kind ends with the
 * problem that names it, and never with less data. What is behind the target does no harm.
 */
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { BackupSummary } from '../../src/engines/engine.ts';
import { segmentKey, tailKey } from '../../src/engines/streaming/wal-format.ts';
import { putWal, type WalPlace } from '../../src/engines/streaming/wal-objects.ts';
import { readStoredSegment, walStore } from '../../src/engines/streaming/wal-store.ts';
import type { WalArchive } from '../../src/engines/wal-archive.ts';
import { type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import { followWal, type WalPath } from '../../src/recovery/coverage.ts';
import type { NamedStore } from '../../src/recovery/deps.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const NAME = testServerName('shop');
const MESSAGE = 'written by an extension';
const { signal } = new AbortController();

let server: TestPostgres;
let setting: ProofSetting;
let shop: NamedStore;
let base: BackupSummary;
let path: WalPath;
/** In the first segment after the backup; behind the last row. */
let early: Lsn;
let late: Lsn;
/** What is stored of the segment in the middle. */
let victim: { readonly name: SegmentName; readonly file: string; readonly bytes: Buffer };

beforeAll(async () => {
  // Every installation has this one, and no restored data needs it to be loaded at the start.
  server = await startPostgres({ settings: { shared_preload_libraries: 'plpgsql' } });
  setting = await proofSetting(server);
  await server.query('CREATE TABLE orders (id bigserial PRIMARY KEY, note text)');
  await setting.backUp();
  early = await insert();
  for (let segments = 0; segments < 4; segments += 1) {
    await server.query('SELECT pg_switch_wal()');
    await insert();
  }
  for (let times = 0; times < 3; times += 1)
    await server.query(`SELECT pg_logical_emit_message(true, 'test', '${MESSAGE}')`);
  late = await insert();
  await setting.archive();
  const { engine, ring, storesOf } = setting.deps.recovery;
  [shop = shop] = storesOf(NAME);
  const { store } = shop;
  const { backups } = await engine.listBackups({ store, ring, server: NAME, signal });
  [base = base] = backups;
  const inventory = await walStore.inventory({ ...place(), segmentBytes: base.segmentBytes });
  path = followWal(base, inventory) ?? path;
  victim = await findVictim();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

afterEach(async () => {
  await rm(victim.file, { force: true });
  for (const file of await filesOf(victim.name)) await rm(file);
  await writeFile(victim.file, victim.bytes);
});

async function insert(): Promise<Lsn> {
  await server.query(`INSERT INTO orders (note) VALUES ('one more')`);
  const [row] = await server.query('SELECT pg_current_wal_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

function place(): WalPlace {
  const { server: name, major, systemId } = base;
  const folder = { server: name, major, systemId };
  return { store: shop.store, ring: setting.deps.recovery.ring, folder, signal };
}

async function filesOf(segment: string): Promise<string[]> {
  const names = await readdir(setting.storeFolder, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && `${entry.parentPath}/${entry.name}`.includes(segment))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function findVictim(): Promise<typeof victim> {
  const files = (await filesOf('/wal/')).filter((file) => !file.endsWith('.history')).toSorted();
  const file = files.at(-2) ?? '';
  const name = /[0-9A-F]{24}/.exec(file)?.[0] ?? '';
  if (!isSegmentName(name)) throw new Error(`No segment: "${file}"`);
  return { name, file, bytes: await readFile(file) };
}

async function restoreTo(lsn: Lsn, read?: WalArchive['read']): Promise<ScratchRestore> {
  const { recovery } = setting.deps;
  const deps = read === undefined ? recovery : { ...recovery, walArchive: { ...walStore, read } };
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  return restoreToScratch(deps, { server: NAME, store: shop, base, path, target }, testRun());
}

async function rowsIn(copy: ScratchRestore): Promise<unknown> {
  await using session = await setting.deps.recovery.connect(copy.url, { signal });
  const [row] = await session.query<{ rows: number }>('SELECT count(*)::int AS rows FROM orders');
  return row?.rows;
}

async function flipBit(): Promise<void> {
  const bytes = Buffer.from(victim.bytes);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  await writeFile(victim.file, bytes);
}

/** Its own bytes, as a cluster with another identifier would have written them. */
async function storeForeign(): Promise<void> {
  const { segmentBytes } = base;
  const bytes = await readStoredSegment({ ...place(), segmentBytes }, victim.name);
  if (bytes === undefined) throw new Error('The segment is stored');
  // Of the long page header (xlog_internal.h): the system identifier.
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(24) + 1n, 24);
  await rm(victim.file);
  const { folder, ring } = place();
  await putWal(place(), segmentKey(folder, victim.name, ring.contentName(bytes)), bytes);
}

async function storeNeighbour(): Promise<void> {
  const [other = ''] = (await filesOf('/wal/')).filter((file) => file !== victim.file);
  await writeFile(victim.file, await readFile(other));
}

test.for([
  ['is missing', 'WAL_HOLE', async () => rm(victim.file)],
  ['was cut', 'WAL_DAMAGED', async () => truncate(victim.file, victim.bytes.length >> 1)],
  ['has a flipped bit', 'WAL_DAMAGED', flipBit],
  ['has the bytes of another one', 'WAL_DAMAGED', storeNeighbour],
  ['is of another cluster', 'TARGET_NOT_REACHED', storeForeign],
] as const)('a segment that %s ends the restore as %s', async ([, code, damage]) => {
  await damage();

  const failure: unknown = await restoreTo(late).catch((error: unknown) => error);

  expect(failure).toMatchObject({ kind: { code } });
  expect(String(failure)).toContain(victim.name);
  expect(await readdir(setting.scratchFolder)).toEqual([]);
});

test('damage behind the target does no harm', async () => {
  await flipBit();

  const copy = await restoreTo(early);

  expect(await rowsIn(copy)).toBe(1);
  await copy.discard();
});

test('a tail that is older than its whole segment changes nothing', async () => {
  const { beginLsn } = segmentPlace(victim.name, base.segmentBytes);
  const to = lsnFromBytes(lsnBytes(beginLsn) + 8192n);
  const { folder } = place();
  const key = tailKey(folder, { segment: victim.name, from: beginLsn, to });
  await putWal(place(), key, Buffer.alloc(8192));

  const copy = await restoreTo(late);

  expect(await rowsIn(copy)).toBe(6);
  await using session = await setting.deps.recovery.connect(copy.url, { signal });
  expect(await session.query('SHOW shared_preload_libraries')).toEqual([
    { shared_preload_libraries: '' },
  ]);
  await copy.discard();
});

test('log that an extension wrote is told with what production loads', async () => {
  await expect(restoreTo(late, readDisguised)).rejects.toMatchObject({
    kind: { code: 'RECOVERY_LIBRARY_MISSING' },
    facts: { libraries: 'plpgsql' },
  });

  expect(await readdir(setting.scratchFolder)).toEqual([]);
});

async function readDisguised(
  request: Parameters<WalArchive['read']>[0],
): Promise<Buffer | undefined> {
  const content = await walStore.read(request);
  if (content !== undefined && isSegmentName(request.name)) disguise(content);
  return content;
}

/** Gives the messages in it to a resource manager of an extension. */
function disguise(bytes: Buffer): void {
  const text = Buffer.from(`test\0${MESSAGE}`);
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    // Before it stand the record's header (24), its data's (2), and the message's (24).
    const record = bytes.subarray(at - 50, at - 50 + bytes.readUInt32LE(at - 50));
    // One that a page's header cuts in two is left as it is.
    if (record.readUInt32LE(20) !== checksum(record)) continue;
    record[17] = 128;
    record.writeUInt32LE(checksum(record), 20);
  }
}

/** CRC-32C of the data, then of the header up to the checksum (xlogrecord.h). */
function checksum(record: Buffer): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of [...record.subarray(24), ...record.subarray(0, 20)]) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82_f6_3b_78;
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}
