/** A key file over its life, with a real PostgreSQL: rotated between backups, and one day without an old key. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { type Ended, runCommand, writeTestConfig } from '../support/command-line.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KeyFile = z.object({
  version: z.number(),
  keys: z.array(z.object({ keyId: z.string() }).loose()),
});

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => await postgres[Symbol.asyncDispose]());

test('what an old key sealed stays readable over a rotation, and its loss is told before it is needed', async () => {
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  await writeTestConfig(cwd, { url: postgres.url() });
  const keyFile = join(cwd, 'keyring.json');

  const ended: Ended[] = [];
  for (const words of ['backup shop', 'keys rotate', 'backup shop', 'keys check --json'])
    ended.push(await runCommand(words.split(' '), { cwd }));
  const whole = await readFile(keyFile, 'utf8');
  const { version, keys } = KeyFile.parse(JSON.parse(whole));
  await writeFile(keyFile, JSON.stringify({ version, keys: keys.slice(1) }));
  const lost = await runCommand(['keys', 'check', '--json'], { cwd });
  const status = await runCommand(['status', '--json'], { cwd });
  await writeFile(keyFile, whole);
  const found = await runCommand(['keys', 'check'], { cwd });

  expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  const [older, newer] = keys.map(({ keyId }) => keyId);
  const proved = { oldest: { proved: true }, newest: { proved: true } };
  expect(JSON.parse(ended[3]?.stdout ?? '')).toMatchObject({
    verdict: 'PASS',
    keys: [
      { keyId: older, isCurrent: false, namesWal: true, places: [{ readable: true }] },
      { keyId: newer, isCurrent: true, namesWal: false, places: [{ readable: true }] },
    ],
  });
  for (const keyId of [older, newer]) {
    const { uses } = usesOf(ended[3], keyId);
    expect(uses).toContainEqual(expect.objectContaining({ kind: 'backup', store: 'here' }));
    for (const use of uses) expect(use).toMatchObject(proved);
  }
  expect(lost.exitCode).toBe(1);
  const issue: unknown = expect.objectContaining({ code: 'KEY_MISSING', keyId: older });
  const issues: unknown = expect.arrayContaining([issue]);
  expect(JSON.parse(lost.stdout)).toMatchObject({ verdict: 'FAIL', issues });
  expect(status.stdout).toContain('KEY_MISSING');
  expect(found.exitCode).toBe(0);
});

test('without its key nothing is backed up, and nothing gets into the store', async () => {
  await using folder = await temporaryFolder();
  const cwd = folder.path;
  await writeTestConfig(cwd, { url: postgres.url(), key: false });

  const backup = await runCommand(['backup', 'shop', '--json'], { cwd });

  expect(backup.exitCode).toBe(4);
  expect(backup.stdout).toContain('KEY_FILE_MISSING');
  const stored = await readdir(join(cwd, 'store'), { recursive: true }).catch(() => []);
  // Whose store it is may be noted; of the server's data nothing is there.
  expect(stored.filter((path) => /^shop\/\d/.test(path))).toEqual([]);
});

const Uses = z.object({
  keys: z.array(z.object({ keyId: z.string(), uses: z.array(z.record(z.string(), z.unknown())) })),
});

function usesOf(
  ended: Ended | undefined,
  keyId: string | undefined,
): z.infer<typeof Uses>['keys'][number] {
  const { keys } = Uses.parse(JSON.parse(ended?.stdout ?? ''));
  const found = keys.find((key) => key.keyId === keyId);
  if (found === undefined) throw new Error(`There is no "${keyId}"`);
  return found;
}
