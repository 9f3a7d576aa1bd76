/** A production server that is down, refuses us, or has no room for us: what a backup and a proof say. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ask, leftovers, openShop, type Shop } from '../support/bad-input-shop.ts';
import { startCommand } from '../support/command-line.ts';
import { waitUntil } from '../support/wait-until.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
  await shop.postgres.query('CREATE ROLE plain LOGIN');
  await shop.postgres.query('CREATE ROLE walled LOGIN REPLICATION');
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

/** Writes another URL into the config of a copy. */
async function pointTo(cwd: string, change: (url: string) => string): Promise<void> {
  const file = join(cwd, 'dbdr.yaml');
  const url = shop.postgres.url();
  await writeFile(file, (await readFile(file, 'utf8')).replace(url, change(url)));
}

const REFUSALS: readonly (readonly [string, (url: string) => string, RegExp])[] = [
  [
    'that is down',
    () => 'postgres://dbdr:hunter2@127.0.0.1:1/postgres',
    /POSTGRES_UNREACHABLE: Cannot connect to postgres at 127.0.0.1:1 as "dbdr"(.|\n)*Check that the server runs/,
  ],
  [
    'that does not know the role',
    (url) => url.replace('postgres@', 'nobody@'),
    /POSTGRES_REFUSED: .*role "nobody" does not exist\n.*CREATE ROLE "nobody" LOGIN REPLICATION/,
  ],
  [
    'that does not have the database',
    (url) => url.replace('@/postgres', '@/shpo'),
    /POSTGRES_REFUSED: .*database "shpo" does not exist\n.*end the `url` with/i,
  ],
  [
    'whose role may not replicate',
    (url) => url.replace('postgres@', 'plain@'),
    /POSTGRES_NO_REPLICATION_RIGHT: (.|\n)*`ALTER ROLE "plain" REPLICATION;`(.|\n)*pg_hba.conf: `local replication plain/,
  ],
];

test.each(REFUSALS)('a server %s: exit 4, with what to run', async (_, change, told) => {
  await using copy = await shop.copy();
  const { cwd } = copy;
  await pointTo(cwd, change);

  const backup = await ask('backup', cwd);

  expect(backup.told).toMatch(told);
  expect(backup.exitCode).toBe(4);
  expect(backup.stdout + backup.stderr).not.toContain('hunter2');
  expect(await ask('backups', cwd)).toMatchObject({ exitCode: 0, json: { backups: [{}, {}] } });
  expect(await leftovers(cwd)).toEqual([]);
});

test('a server whose pg_hba.conf has no line for replication: the exact line is told', async () => {
  await using copy = await shop.copy();
  const { cwd } = copy;
  await pointTo(cwd, (url) => url.replace('postgres@', 'walled@'));
  const hba = join(shop.postgres.dataDirectory, 'pg_hba.conf');
  const before = await readFile(hba, 'utf8');
  await writeFile(hba, `local replication walled reject\n${before}`);
  await shop.postgres.query('SELECT pg_reload_conf()');

  const backup = await ask('backup', cwd);

  expect(backup.told).toMatch(
    /NO_REPLICATION_RIGHT(.|\n)*`local replication walled scram-sha-256`/,
  );
  expect(backup.exitCode).toBe(4);
  await writeFile(hba, before);
  await shop.postgres.query('SELECT pg_reload_conf()');
});

test('a server that is down while a backup is proved: ERROR and exit 4, never PASS or FAIL', async () => {
  await using copy = await shop.copy();
  const { cwd } = copy;
  await pointTo(cwd, () => 'postgres://dbdr:hunter2@127.0.0.1:1/postgres');

  const verify = await ask('verify', cwd);

  expect(verify.json).toMatchObject({ verdict: 'ERROR', tornDown: true });
  expect(verify.exitCode).toBe(4);
  expect(await leftovers(cwd)).toEqual([]);
});

test('used up `max_wal_senders` while the bot archives: a backup says so, archiving goes on', async () => {
  await using copy = await shop.copy();
  const { cwd } = copy;
  const { postgres } = shop;
  await appendFile(join(postgres.dataDirectory, 'postgresql.conf'), 'max_wal_senders = 1\n');
  await postgres.stop();
  await postgres.start();
  const serve = startCommand(['serve'], { cwd });
  try {
    await waitUntil(async () => {
      const [row] = await postgres.query('SELECT count(*)::int AS n FROM pg_stat_replication');
      return row?.['n'] === 1;
    }, 60_000);

    const backup = await ask('backup', cwd);
    const [row] = await postgres.query('SELECT count(*)::int AS n FROM pg_stat_replication');

    expect(backup.told).toMatch(/POSTGRES_NO_WAL_SENDER: (.|\n)*Raise `max_wal_senders`/);
    expect(backup.exitCode).toBe(4);
    expect(row?.['n']).toBe(1);
  } finally {
    serve.child.kill('SIGTERM');
    await serve.ended;
  }
  expect(await leftovers(cwd)).toEqual([]);
});
