/** Ctrl-C at a terminal while a backup runs: the reason is told, nothing is left behind, exit 130. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { hostNode, runCommand, startCommand, writeTestConfig } from '../support/command-line.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Enough that it is still being copied when the key is pressed. */
const ROWS = 1_500_000;

test('an interrupted backup removes its packs, ends its run, and exits 130', async () => {
  await using postgres = await startPostgres();
  await postgres.query(
    `CREATE TABLE filler AS SELECT n, md5(n::text) || md5((n * 7)::text) AS pad
       FROM generate_series(1, ${ROWS}) AS n`,
  );
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  await writeTestConfig(cwd, { url: postgres.url() });
  const backup = startCommand(['backup', '--json'], { cwd, node: hostNode() });
  await waitUntil(async () => (await filesOf(join(cwd, 'store'))).length > 0);

  backup.child.kill('SIGINT');
  const ended = await backup.ended;

  expect(ended.exitCode).toBe(130);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    state: 'interrupted',
    problem: { code: 'GATE_SHUTDOWN' },
  });
  expect((await filesOf(join(cwd, 'store'))).filter(isPack)).toEqual([]);
  const runs = await runCommand(['runs', '--json'], { cwd });
  expect(JSON.parse(runs.stdout)).toMatchObject({ runs: [{ state: 'interrupted' }] });
  const after = await runCommand(['backup'], { cwd });
  expect(after.exitCode).toBe(0);
});

async function filesOf(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
}

/** A part of a base backup, whole or begun. */
function isPack(path: string): boolean {
  return path.includes('/base/') || path.includes('unfinished');
}
