/** Disks that are too small, really: a tiny file system of its own, where we may mount one. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
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
