/** A backup's process dies at any moment: what the store holds is then whole backups, or none. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = 10;
const SERVER = 'shop';
const { signal } = new AbortController();
let postgres: TestPostgres;
let folder: TemporaryFolder;
let ring: KeyRing;
let store: ObjectStore;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query(
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 200000) i',
  );
  folder = await temporaryFolder();
  await createKeyFile(join(folder.path, 'keys'));
  ring = await openFileKeyRing(join(folder.path, 'keys'));
  store = directoryStore(join(folder.path, 'store'));
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function start(number: number): ChildProcess {
  const id = backupIdAt(Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: number }));
  const script = join(import.meta.dirname, '../support/backup-process.ts');
  return spawn(
    process.execPath,
    [script, postgres.url(), join(folder.path, 'store'), join(folder.path, 'keys'), id],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/** Kills it so long after its first bytes have come. */
async function killAfter(
  child: ChildProcess,
  waitMs: number,
): Promise<{ readonly done: boolean; readonly ranMs: number }> {
  let said = '';
  const exited = once(child, 'exit');
  child.stdout?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), exited]);
  const begunMs = performance.now();
  await Promise.race([delay(waitMs), exited]);
  const ranMs = performance.now() - begunMs;
  child.kill('SIGKILL');
  await exited;
  return { done: said.includes('done'), ranMs };
}

test('a backup that was killed is never listed, and one that said it was done always is', async () => {
  if (!isServerName(SERVER)) throw new TypeError(SERVER);
  const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
  const whole = await killAfter(start(0), 60_000);
  expect(whole.done).toBe(true);
  const wholeMs = whole.ranMs;
  let [done, killed] = [1, 0];

  for (let number = 1; number <= KILLS; number++) {
    const waitMs = randomInt(0, Math.ceil(wholeMs));
    process.stdout.write(`kill ${number} after ${waitMs} ms of ${Math.round(wholeMs)}\n`);
    if ((await killAfter(start(number), waitMs)).done) done++;
    else killed++;
    const listing = await engine.listBackups({ store, ring, server: SERVER, signal });
    expect(listing.unreadable).toEqual([]);
    // One more: the manifest was put, and the process died before it could say so.
    expect([done, done + 1]).toContain(listing.backups.length);
    done = listing.backups.length;
    for (const summary of listing.backups) {
      const depth = 'all';
      const check = await engine.checkObjects({ store, ring, summary, signal, depth });
      expect(check.damage).toEqual([]);
    }
  }

  expect(killed).toBeGreaterThan(0);
  const now = Temporal.Instant.from('2026-02-01T00:00:00Z');
  await engine.sweepUnfinished({ store, ring, server: SERVER, signal, olderThanMs: 1000, now });
  await store.sweep({ signal, olderThanMs: 0 });
  const { backups } = await engine.listBackups({ store, ring, server: SERVER, signal });
  expect(backups).toHaveLength(done);
  const keys = (await Array.fromAsync(store.list('', { signal }))).map(({ key }) => key);
  expect(keys.filter((key) => key.includes('pack-'))).toHaveLength(
    backups.reduce((sum, { packs }) => sum + packs, 0),
  );
});
