/** A backup's process dies at any moment: what the store holds is then whole backups, or none. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type BackupId, backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const KILLS = 20;
const random = randomNumbers();
const SERVER = 'shop';
const { signal } = new AbortController();
let postgres: TestPostgres;
let folder: TemporaryFolder;
let ring: KeyRing;
let store: ObjectStore;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query(
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 60000) i',
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

function idOf(number: number): BackupId {
  return backupIdAt(Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: number }));
}

function start(number: number, ...how: readonly string[]): ChildProcess {
  const id = idOf(number);
  const script = join(import.meta.dirname, '../support/backup-process.ts');
  return spawn(
    process.execPath,
    [script, postgres.url(), join(folder.path, 'store'), join(folder.path, 'keys'), id, ...how],
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

test('a backup killed at twenty points leaves nothing behind, and the next one is good each time', async () => {
  if (!isServerName(SERVER)) throw new TypeError(SERVER);
  const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
  const access = { store, ring, server: SERVER, signal };
  const whole = await killAfter(start(0), 60_000);
  expect(whole.done).toBe(true);
  process.stdout.write(`seed ${random.seed}, a whole one takes ${Math.round(whole.ranMs)} ms\n`);
  let [known, killed] = [1, 0];

  for (let number = 1; number <= KILLS; number++) {
    // From its first moment on, and a little beyond its last.
    const waitMs = random.next(Math.ceil(whole.ranMs * 1.1));
    const { done } = await killAfter(start(2 * number), waitMs);
    if (!done) killed++;
    const { backups, unreadable } = await engine.listBackups(access);
    expect(unreadable).toEqual([]);
    // Without its word there may be one more: the manifest was put, and it died before it could say so.
    expect(done ? [known + 1] : [known, known + 1]).toContain(backups.length);
    const now = systemClock.now();
    await engine.sweepUnfinished({ ...access, olderThanMs: 0, now });
    await store.sweep({ signal, olderThanMs: 0 });
    expect(await packsStored()).toBe(backups.reduce((sum, { packs }) => sum + packs, 0));
    await waitUntil(async () => (await serverKnows('pg_stat_replication')) === 0);
    expect(await serverKnows('pg_replication_slots')).toBe(0);

    const next = await engine.takeBackup({
      ...access,
      backupId: idOf(2 * number + 1),
      log: silentLog,
      onProgress: () => undefined,
    });
    const check = await engine.checkObjects({ store, ring, summary: next, signal, depth: 'all' });
    expect(check.damage).toEqual([]);
    known = backups.length + 1;
  }

  process.stdout.write(`${killed} of ${KILLS} were killed before they were done\n`);
  expect(killed).toBeGreaterThan(KILLS / 4);
  const { backups } = await engine.listBackups(access);
  for (const summary of backups) {
    const check = await engine.checkObjects({ store, ring, summary, signal, depth: 'first frame' });
    expect(check.damage).toEqual([]);
  }
});

test('a backup killed while its proof point is taken is none, and its packs are swept', async () => {
  if (!isServerName(SERVER)) throw new TypeError(SERVER);
  const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
  const access = { store, ring, server: SERVER, signal };
  const before = await engine.listBackups(access);
  const stored = await packsStored();
  const child = start(1000, 'proving');
  const exited = once(child, 'exit');
  let said = '';
  child.stdout?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await waitUntil(() => said.includes('proving'));

  expect(await packsStored()).toBeGreaterThan(stored);
  child.kill('SIGKILL');
  await exited;

  expect(await engine.listBackups(access)).toEqual(before);
  await engine.sweepUnfinished({ ...access, olderThanMs: 0, now: systemClock.now() });
  expect(await packsStored()).toBe(stored);
});

async function packsStored(): Promise<number> {
  const keys = await Array.fromAsync(store.list('', { signal }));
  return keys.filter(({ key }) => key.includes('pack-')).length;
}

async function serverKnows(view: string): Promise<number> {
  const [row] = await postgres.query(`SELECT count(*)::int AS n FROM ${view}`);
  return Number(row?.['n']);
}
