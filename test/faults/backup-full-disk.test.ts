/** Disks that are too small, really: a tiny file system of its own, where we may mount one. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { pieces } from '../support/byte-source.ts';
import { objectKey } from '../support/object-keys.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const SERVER = 'shop';
const MOUNTABLE = await canMount();
let folder: TemporaryFolder;
let small: string;

async function canMount(): Promise<boolean> {
  try {
    await using probe = await temporaryFolder();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe.path]);
    await run('umount', [probe.path]);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  folder = await temporaryFolder();
  small = join(folder.path, 'small');
  await mkdir(small);
  if (MOUNTABLE) await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small]);
});

afterAll(async () => {
  if (MOUNTABLE) await run('umount', [small]);
  await folder[Symbol.asyncDispose]();
});

describe.skipIf(!MOUNTABLE)('a full disk', () => {
  test('is STORAGE_FULL for a put, and leaves nothing of the object', async () => {
    const store = directoryStore(join(small, 'store'));
    const key = objectKey('shop/large');
    const body = Readable.from(pieces(randomBytes(16 << 20), 1 << 20));

    await expect(store.put(key, body, { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_FULL' },
    });

    expect(await Array.fromAsync(store.list('', { signal }))).toEqual([]);
    expect(await readdir(join(small, 'store/#unfinished'))).toEqual([]);
  });

  test('is STORAGE_FULL for a backup, leaves nothing of it, and with more room the next one is good', async () => {
    await using postgres = await startPostgres();
    // Random, so that it stays as large as it is: more than there is room for.
    await postgres.query(
      `CREATE TABLE noise AS
         SELECT decode(string_agg(replace(gen_random_uuid()::text, '-', ''), ''), 'hex') AS bytes
         FROM generate_series(1, 500000) n GROUP BY n % 1000`,
    );
    if (!isServerName(SERVER)) throw new TypeError(SERVER);
    const engine = streamingEngine({
      connectionUrl: () => postgres.url(),
      clock: systemClock,
      workers: 2,
      packBytesMax: 1 << 20,
    });
    const ring = keyRing(new Map([['k1', randomBytes(32)]]));
    const place = join(small, 'backups');
    const store = directoryStore(place);
    const access = { store, ring, server: SERVER, signal };
    async function take(second: number): Promise<BackupSummary> {
      return await engine.takeBackup({
        ...access,
        backupId: backupIdAt(
          Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: second }),
        ),
        log: silentLog,
        onProgress: () => undefined,
      });
    }

    await expect(take(1)).rejects.toMatchObject({ kind: { code: 'STORAGE_FULL' } });

    expect(await Array.fromAsync(store.list('', { signal }))).toEqual([]);
    expect(await readdir(join(place, '#unfinished'))).toEqual([]);
    await run('mount', ['-o', 'remount,size=64m', small]);
    const next = await take(2);
    const check = await engine.checkObjects({ store, ring, summary: next, signal, depth: 'all' });
    expect(check.damage).toEqual([]);
    expect((await engine.listBackups(access)).backups).toHaveLength(1);
    await rm(place, { recursive: true });
    await run('mount', ['-o', 'remount,size=8m', small]);
  });

  test('is RESTORE_DISK_FULL for a restore, which then cannot be started', async () => {
    await using postgres = await startPostgres();
    if (!isServerName(SERVER)) throw new TypeError(SERVER);
    const engine = streamingEngine({
      connectionUrl: () => postgres.url(),
      clock: systemClock,
      workers: 2,
    });
    const ring = keyRing(new Map([['k1', randomBytes(32)]]));
    const store = memoryStore();
    const summary = await engine.takeBackup({
      store,
      ring,
      server: SERVER,
      backupId: backupIdAt(Temporal.Instant.from('2026-01-01T00:00:00Z')),
      log: silentLog,
      signal,
      onProgress: () => undefined,
    });
    const directory = join(small, 'restored');

    const restore = engine.restoreFiles({
      store,
      ring,
      summary,
      directory,
      signal,
      onProgress: () => undefined,
    });

    await expect(restore).rejects.toMatchObject({ kind: { code: 'RESTORE_DISK_FULL' } });
    await expect(stat(join(directory, 'global/pg_control'))).rejects.toThrow('ENOENT');
  });
});
