/** The bot as a process: it gets ready, says how it is, takes a backup, and ends in order. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { hostNode, runCommand, startCommand, writeTestConfig } from '../support/command-line.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const RIGHT = `INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n`;

test('serve looks after a server until SIGTERM, and ends 143 with nothing left running', async () => {
  await using postgres = await startPostgres();
  await postgres.query('CREATE TABLE orders (id int PRIMARY KEY, address text)');
  await postgres.query(RIGHT);
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  await writeTestConfig(cwd, { url: postgres.url() });
  const serve = startCommand(['serve'], { cwd, node: hostNode() });
  try {
    await waitUntil(() => serve.stdout().startsWith('Ready'));
    await waitUntil(async () => (await runCommand(['health'], { cwd })).exitCode === 0);

    const backup = await runCommand(['backup', '--json'], { cwd });
    const proof = await runCommand(['verify', '--json'], { cwd });
    const status = await runCommand(['status', '--json'], { cwd });

    expect(backup.exitCode).toBe(0);
    expect(JSON.parse(backup.stdout)).toMatchObject({ state: 'done', stores: ['here'] });
    expect(proof.exitCode).toBe(0);
    expect(JSON.parse(proof.stdout)).toMatchObject({ verdict: 'PASS', mode: 'exact' });
    expect(JSON.parse(status.stdout)).toMatchObject({ servers: [{ findings: [] }] });

    serve.child.kill('SIGTERM');
    const ended = await serve.ended;

    expect(ended.exitCode).toBe(143);
    expect(ended.stderr).toContain('"msg":"Stopped"');
    expect(existsSync(join(cwd, 'state', 'serve.json'))).toBe(false);
    expect(await readdir(join(cwd, 'state', 'scratch'))).toEqual([]);
    expect((await runCommand(['health'], { cwd })).exitCode).toBe(4);
  } finally {
    serve.child.kill('SIGKILL');
  }
});

test('serve refuses to start without its key, for what it kept could not be read', async () => {
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  await writeTestConfig(cwd, { url: 'postgres://127.0.0.1:1/shop', key: false });

  const ended = await runCommand(['serve'], { cwd });

  expect(ended.exitCode).toBe(4);
  expect(ended.stderr).toContain('KEY_FILE_MISSING');
  expect(ended.stderr).toContain('npx dbdr keys create');
});
