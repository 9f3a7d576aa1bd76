/** The process that copies dies at any moment: the other store then holds whole backups, or none. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

const KILLS = 6;
const { signal } = new AbortController();
let postgres: TestPostgres;
let setting: MirrorSetting;

beforeAll(async () => {
  postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
  await postgres.query('SELECT pg_reload_conf()');
  await postgres.query('CREATE TABLE load (i int, text text)');
  setting = await mirrorSetting(postgres);
  const archiving = setting.start('archiving');
  await setting.untilStored('here', await setting.write());
  await setting.backUp();
  await setting.untilStored('here', await setting.write());
  await archiving.stop();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

test('a copy that was killed never shows a backup whose packs are not all there', async () => {
  const wholeMs = (await killAfter('whole', 60_000)).ranMs;
  let killed = 0;

  for (let number = 1; number <= KILLS; number++) {
    const waitMs = randomInt(0, Math.ceil(wholeMs));
    process.stdout.write(`kill ${number} after ${waitMs} ms of ${Math.round(wholeMs)}\n`);
    // A few on top of each other, then from nothing again.
    const folder = `west-${number % 3}`;
    if (!(await killAfter(folder, waitMs)).done) killed++;
    expect(await damageIn(directoryStore(join(setting.folder, folder)))).toEqual([]);
  }

  expect(killed).toBeGreaterThan(0);
  expect((await killAfter('west-0', 60_000)).done).toBe(true);
  const west = directoryStore(join(setting.folder, 'west-0'));
  for (const part of ['base', 'wal', 'tail'] as const)
    expect(await setting.keys(west, part)).toEqual(await setting.keys(setting.here, part));
  await west.sweep({ signal, olderThanMs: 0 });
  const left = await Array.fromAsync(west.census({ signal }));
  expect(left.filter(({ state }) => state === 'unfinished')).toEqual([]);
});

/** Every backup that is listed, down to the last byte. */
async function damageIn(store: ObjectStore): Promise<readonly string[]> {
  const { engine, ring } = setting.backup;
  const access = { store, ring, signal };
  const listing = await engine.listBackups({ ...access, server: setting.route.server });
  const damage = listing.unreadable.map(({ reason }) => reason);
  for (const summary of listing.backups) {
    const check = await engine.checkObjects({ ...access, summary, depth: 'all' });
    damage.push(...check.damage);
  }
  return damage;
}

async function killAfter(
  folder: string,
  waitMs: number,
): Promise<{ readonly done: boolean; readonly ranMs: number }> {
  const script = join(import.meta.dirname, '../support/mirror-process.ts');
  const places = ['here', folder, 'keys', `catalog-of-${folder}`].map((name) =>
    join(setting.folder, name),
  );
  const child = spawn(process.execPath, [script, ...places], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const exited = once(child, 'exit');
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await Promise.race([once(child.stdout, 'data'), exited]);
  const begunMs = performance.now();
  await Promise.race([delay(waitMs), exited]);
  const ranMs = performance.now() - begunMs;
  child.kill('SIGKILL');
  await exited;
  return { done: said.includes('done'), ranMs };
}
