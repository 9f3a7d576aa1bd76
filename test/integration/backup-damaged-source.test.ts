/** A server whose own pages are damaged: the backup is whole, and tells which files are not well. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { startPostgres } from '../support/postgres-cluster.ts';

const { signal } = new AbortController();
const SERVER = 'shop';
const PAGE_BYTES = 8192;

test('a backup with a damaged page is kept, listed, and names the file', async () => {
  await using postgres = await startPostgres();
  await postgres.query('CREATE TABLE orders AS SELECT generate_series(1, 20000) AS id');
  const [row] = await postgres.query("SELECT pg_relation_filepath('orders') AS path");
  const path = String(row?.['path']);
  await postgres.query('CHECKPOINT');
  await postgres.stop();
  await using file = await open(join(postgres.dataDirectory, path), 'r+');
  await file.write(randomBytes(16), 0, 16, 3 * PAGE_BYTES + 4000);
  await postgres.start();
  if (!isServerName(SERVER)) throw new TypeError(SERVER);
  const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
  const access = { store: memoryStore(), ring: keyRing(new Map([['k1', randomBytes(32)]])) };

  const summary = await engine.takeBackup({
    ...access,
    server: SERVER,
    backupId: backupIdAt(Temporal.Instant.from('2026-01-01T00:00:00Z')),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });

  expect(summary.damagedFiles).toEqual([path]);
  expect(summary.damagedBlocks).toEqual({ [path]: [3] });
  const { backups } = await engine.listBackups({ ...access, server: SERVER, signal });
  expect(backups).toEqual([summary]);
});
