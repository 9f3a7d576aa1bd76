/** A base backup of a real PostgreSQL: taken, listed, checked, restored, started and compared. */
import { execFile } from 'node:child_process';
import { chown, cp, mkdir, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import { readManifest } from '../../src/engines/streaming/manifest.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName, type ServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { objectKey } from '../support/object-keys.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const ring = keyRing(new Map([['k1', Buffer.alloc(32, 3)]]));
const { signal } = new AbortController();
const SERVER = serverName('shop');
let postgres: TestPostgres;
let folder: TemporaryFolder;
let engine: Engine;
let store: ObjectStore;
let summary: BackupSummary;
let seconds = 0;

function serverName(text: string): ServerName {
  if (!isServerName(text)) throw new TypeError(text);
  return text;
}

async function take(into: ObjectStore, more: object = {}): Promise<BackupSummary> {
  return await engine.takeBackup({
    store: into,
    ring,
    server: SERVER,
    backupId: backupIdAt(
      Temporal.Instant.fromEpochMilliseconds(1_770_000_000_000 + seconds++ * 1000),
    ),
    log: silentLog,
    signal,
    onProgress: () => undefined,
    ...more,
  });
}

async function keysOf(of: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(of.list('', { signal }))).map(({ key }) => key);
}

beforeAll(async () => {
  // The restored copy is given its WAL from the server's own folder.
  postgres = await startPostgres({ settings: { wal_keep_size: '512MB' } });
  folder = await temporaryFolder();
  const elsewhere = join(postgres.socketDirectory, 'elsewhere');
  await mkdir(elsewhere);
  if (postgres.user !== undefined) await chown(elsewhere, postgres.user.uid, postgres.user.gid);
  await postgres.query(`CREATE TABLESPACE elsewhere LOCATION '${elsewhere}'`);
  await postgres.query(
    `CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 150000) AS i`,
  );
  await postgres.query('CREATE TABLE far TABLESPACE elsewhere AS SELECT * FROM orders LIMIT 5000');
  await postgres.query('CHECKPOINT');
  engine = streamingEngine({
    connectionUrl: () => postgres.url(),
    clock: systemClock,
    workers: 2,
    packBytesMax: 1 << 20,
  });
  store = directoryStore(join(folder.path, 'store'));
  summary = await take(store);
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe('a base backup', () => {
  test('tells what it holds, and is listed by its proved preamble', async () => {
    const listing = await engine.listBackups({ store, ring, server: SERVER, signal });

    expect(listing).toEqual({ backups: [summary], unreadable: [] });
    expect(summary.packs).toBeGreaterThan(3);
    expect(summary.files).toBeGreaterThan(900);
    expect(summary.storedBytes).toBeLessThan(summary.sourceBytes / 2);
    expect(summary.damagedFiles).toEqual([]);
    expect(summary.major).toBe(postgres.programs.major);
    expect((await keysOf(store)).every((key) => key.startsWith(`shop/${summary.major}-`))).toBe(
      true,
    );
  });

  test('keeps settings and the manifest that PostgreSQL wrote', async () => {
    const manifest = await readManifest({ store, ring, summary, signal });

    expect(manifest.settings['max_connections']).toBe('100');
    expect(JSON.parse(manifest.postgresManifest.toString('utf8'))).toMatchObject({
      'PostgreSQL-Backup-Manifest-Version': 1,
    });
  });

  test.each([
    ['first frame', 0.001],
    ['all', 0.95],
  ] as const)('checks well by %s', async (depth, share) => {
    const check = await engine.checkObjects({ store, ring, summary, signal, depth });

    expect(check.readBytes).toBeGreaterThan(summary.storedBytes * share);
    expect(check.damage).toEqual([]);
    expect(check.packs).toBe(summary.packs);
  });

  test.each([
    ['to last', true],
    ['to be looked at', false],
  ])(
    'is restored %s to what PostgreSQL itself accepts, and starts with the same rows',
    async (_, durable) => {
      const directory = join(folder.path, `restored-${String(durable)}`);
      const progress: number[] = [];

      const restored = await engine.restoreFiles({
        store,
        ring,
        summary,
        directory,
        durable,
        signal,
        onProgress: ({ doneBytes }) => progress.push(doneBytes),
      });

      expect(restored.writtenBytes).toBe(summary.sourceBytes - (await tablespaceMapBytes()));
      expect(progress.at(-1)).toBe(restored.writtenBytes);
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
      await everyFileAsInManifest(directory);
      const [oid = ''] = await readdir(join(directory, 'pg_tblspc'));
      expect(await readlink(join(directory, 'pg_tblspc', oid))).toBe(
        `${directory}.tablespaces/${oid}`,
      );
      await startsWithTheSameRows(directory);
    },
  );

  test('is not restored over anything', async () => {
    const directory = join(folder.path, 'taken');
    await mkdir(join(directory, 'precious'), { recursive: true });

    await expect(
      engine.restoreFiles({ store, ring, summary, directory, signal, onProgress: () => undefined }),
    ).rejects.toMatchObject({ kind: { code: 'RESTORE_PLACE_TAKEN' } });

    expect(await readdir(directory)).toEqual(['precious']);
  });
});

async function tablespaceMapBytes(): Promise<number> {
  const { postgresManifest } = await readManifest({ store, ring, summary, signal });
  const map = filesOf(postgresManifest).find(({ Path }) => Path === 'tablespace_map');
  return map?.Size ?? 0;
}

const PostgresManifest = z.object({
  Files: z.array(z.object({ Path: z.string(), Size: z.number() })),
});
type ManifestFiles = z.infer<typeof PostgresManifest>['Files'];

function filesOf(postgresManifest: Buffer): ManifestFiles {
  return PostgresManifest.parse(JSON.parse(postgresManifest.toString('utf8'))).Files;
}

/** `pg_verifybackup` reads every file and compares its CRC-32C. */
async function everyFileAsInManifest(directory: string): Promise<void> {
  const { postgresManifest } = await readManifest({ store, ring, summary, signal });
  const program = postgres.programs.path('pg_verifybackup');
  for (const { Path, Size } of filesOf(postgresManifest).filter(
    (file) => file.Path !== 'tablespace_map',
  ))
    expect((await stat(join(directory, Path))).size).toBe(Size);
  if (program === undefined) return;
  const path = join(folder.path, 'manifest');
  await writeFile(path, postgresManifest);
  // It ends with an error when a file is missing, too much, or has another sum.
  await run(program, ['-n', '--ignore=tablespace_map', `--manifest-path=${path}`, directory]);
}

async function startsWithTheSameRows(directory: string): Promise<void> {
  await postgres.query('SELECT pg_switch_wal()');
  const wal = join(postgres.dataDirectory, 'pg_wal');
  for (const name of await readdir(wal))
    if (/^[0-9A-F]{24}$/.test(name)) await cp(join(wal, name), join(directory, 'pg_wal', name));
  if (postgres.user !== undefined) {
    const owner = `${postgres.user.uid}:${postgres.user.gid}`;
    await run('chown', ['-R', owner, directory, `${directory}.tablespaces`]);
  }
  const sums = "SELECT count(*), md5(string_agg(id || address, ',' ORDER BY id)) AS sum FROM ";
  await using copy = await startPostgres({ dataDirectory: directory });
  for (const table of ['orders', 'far'])
    expect(await copy.query(sums + table)).toEqual(await postgres.query(sums + table));
}

describe('when something is wrong', () => {
  test('an object that is missing, cut, flipped or swapped is found, named and not restored', async () => {
    const copy = faultyStore(memoryStore());
    const backup = await take(copy);
    const [first, second] = (await keysOf(copy)).filter((key) => key.includes('pack-'));
    const plain = { store: copy, ring, summary: backup, signal };
    copy.damage(new RegExp(`${first ?? ''}$`), (bytes, at) => {
      if (at <= 5000 && at + bytes.length > 5000) bytes[5000 - at] = (bytes[5000 - at] ?? 0) ^ 4;
      return bytes;
    });

    const check = await engine.checkObjects({ ...plain, depth: 'first frame' });
    const restore = engine.restoreFiles({
      ...plain,
      directory: join(folder.path, 'damaged'),
      onProgress: () => undefined,
    });

    expect(check.damage).toEqual([expect.stringContaining(first ?? '')]);
    await expect(restore).rejects.toMatchObject({ kind: { code: 'DECRYPTION_FAILED' } });
    expect(second).toBeDefined();
    await expect(stat(join(folder.path, 'damaged/global/pg_control'))).rejects.toThrow('ENOENT');
  });

  test('a changed preamble is told as unreadable, not believed', async () => {
    const copy = faultyStore(memoryStore());
    await take(copy);
    copy.damage(/manifest$/, (bytes) =>
      Buffer.from(bytes.toString('latin1').replace('"timeline":1', '"timeline":2'), 'latin1'),
    );

    const listing = await engine.listBackups({ store: copy, ring, server: SERVER, signal });

    expect(listing.backups).toEqual([]);
    expect(listing.unreadable).toEqual([
      {
        key: expect.stringContaining('manifest') as unknown,
        reason: expect.any(String) as unknown,
        problem: expect.any(Problem) as unknown,
      },
    ]);
  });

  test('another key reads nothing, and says so', async () => {
    const other = keyRing(new Map([['k9', Buffer.alloc(32, 9)]]));

    const listing = await engine.listBackups({ store, ring: other, server: SERVER, signal });

    expect(listing.backups).toEqual([]);
    expect(listing.unreadable[0]?.reason).toContain('Cannot find the key "k1"');
  });

  test('a store that fails in the middle ends the backup with its problem, and leaves nothing', async () => {
    const full = faultyStore(memoryStore());
    const error = new Error('The store is on fire');
    full.failWritesAfter(2_000_000, error);

    await expect(take(full)).rejects.toBe(error);

    expect(await keysOf(full)).toEqual([]);
  });

  test('a manifest whose put fails takes its packs with it, and keeps them if it may be there', async () => {
    const failing = faultyStore(memoryStore());
    const refusing = faultyStore(memoryStore());
    const error = new Error('The last sync failed');
    failing.failPut(/manifest$/, error);
    refusing.failPut(/manifest$/, error);
    refusing.failNext('remove', new Error('May not remove'));

    await expect(take(failing)).rejects.toBe(error);
    await expect(take(refusing)).rejects.toBe(error);

    expect(await keysOf(failing)).toEqual([]);
    const { backups } = await engine.listBackups({ store: refusing, ring, server: SERVER, signal });
    expect(backups).toHaveLength(1);
    const check = await Promise.all(
      backups.map((one) =>
        engine.checkObjects({ store: refusing, ring, summary: one, signal, depth: 'all' }),
      ),
    );
    expect(check.flatMap(({ damage }) => damage)).toEqual([]);
  });

  test('an abort ends the backup with its reason, and leaves nothing', async () => {
    const half = memoryStore();
    const controller = new AbortController();
    const reason = new Error('Somebody cancelled');

    const backup = take(half, {
      signal: controller.signal,
      onProgress: ({ doneBytes }: { doneBytes: number }) => {
        if (doneBytes > 5_000_000) controller.abort(reason);
      },
    });

    await expect(backup).rejects.toBe(reason);
    expect(await keysOf(half)).toEqual([]);
  });

  test('packs without a manifest are swept once they are old, and a whole backup is not', async () => {
    const half = memoryStore();
    const kept = await take(half);
    const lost = await take(half);
    const manifest = (await keysOf(half)).find((key) => key.endsWith(`${lost.backupId}/manifest`));
    await half.remove(objectKey(manifest ?? ''), { signal });
    const began = Temporal.Instant.from('2026-02-02T02:40:00Z');

    const young = await engine.sweepUnfinished({
      store: half,
      ring,
      server: SERVER,
      signal,
      olderThanMs: 86_400_000,
      now: began.add({ hours: 1 }),
    });
    const old = await engine.sweepUnfinished({
      store: half,
      ring,
      server: SERVER,
      signal,
      olderThanMs: 86_400_000,
      now: began.add({ hours: 48 }),
    });

    expect(young).toBe(0);
    expect(old).toBe(lost.packs);
    const { backups } = await engine.listBackups({ store: half, ring, server: SERVER, signal });
    expect(backups).toEqual([kept]);
  });
});
