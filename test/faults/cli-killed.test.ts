/** A terminal killed by SIGKILL in the middle of a backup and of a restore: the next start tells and tidies. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { runCommand, startCommand, writeTestConfig } from '../support/command-line.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Enough that it is still being copied when the process dies. */
const ROWS = 1_000_000;

test('what a killed terminal left is closed and taken back by the bot that starts next', async () => {
  await using postgres = await startPostgres();
  await postgres.query(
    `CREATE TABLE filler AS SELECT n, md5(n::text) || md5((n * 7)::text) AS pad
       FROM generate_series(1, ${ROWS}) AS n`,
  );
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  const scratch = join(cwd, 'state', 'scratch');
  await writeTestConfig(cwd, { url: postgres.url() });
  const whole = await runCommand(['backup'], { cwd });
  expect(whole.exitCode).toBe(0);
  const restore = startCommand(['restore', 'shop'], { cwd });
  await waitUntil(async () => (await readdir(scratch).catch(() => [])).length > 0);

  restore.child.kill('SIGKILL');
  await restore.ended;
  const before = await runCommand(['runs', '--json'], { cwd });
  const serve = startCommand(['serve'], { cwd });
  try {
    await waitUntil(() => serve.stdout().includes('Ready'));
    const after = await runCommand(['runs', '--json'], { cwd });

    expect(JSON.parse(before.stdout)).toMatchObject({ runs: [{ state: 'running' }, {}] });
    expect(serve.stdout()).toMatch(/^Found 1 interrupted run; took back 1 thing/);
    expect(JSON.parse(after.stdout)).toMatchObject({
      runs: [{ operation: 'restore', state: 'interrupted' }, { state: 'done' }],
    });
    expect(await readdir(scratch)).toEqual([]);
  } finally {
    serve.child.kill('SIGTERM');
    await serve.ended;
  }
});
