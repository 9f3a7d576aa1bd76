/** Exit codes and documents as the surface promises them, by the program itself. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { hostNode, runCommand, writeTestConfig } from '../support/command-line.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Nobody listens there. */
const DOWN = 'postgres://dbdr:hunter2@127.0.0.1:1/shop';

const Failure = z.strictObject({
  problem: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    retry: z.enum(['now', 'later', 'never']),
    runbook: z.string().nullable(),
  }),
});

describe('the exit code', () => {
  test('is what the surface says, whatever goes wrong', async () => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    await writeTestConfig(cwd, { url: DOWN });

    const table: readonly (readonly [string, number, string])[] = [
      ['--help', 0, ''],
      ['--version', 0, ''],
      ['help restore', 0, ''],
      ['config check', 0, ''],
      ['status', 0, ''],
      ['runs', 0, ''],
      ['journal --verify', 0, ''],
      ['stauts', 2, 'npx dbdr status'],
      ['status shp', 2, 'Did you mean `shop`?'],
      ['backup --jsno', 2, '--json'],
      ['restore shop --to 25:99', 2, ''],
      ['config chek', 2, 'check'],
      ['status --config missing.yaml', 2, 'config example'],
      ['cancel r-20261122T150000-000000', 2, 'npx dbdr runs'],
      ['keys create', 3, ''],
      ['backup shop', 4, 'Check that the server runs'],
      ['health', 4, ''],
    ];
    for (const [words, exitCode, hint] of table) {
      const ended = await runCommand(words.split(' '), { cwd });

      expect.soft(ended.exitCode, words).toBe(exitCode);
      expect.soft(ended.stderr, words).toContain(hint);
      expect.soft(ended.stdout + ended.stderr, words).not.toContain('hunter2');
    }
  });

  test('is 2 for a config with several errors, all of them told at once', async () => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    await writeTestConfig(cwd, { url: DOWN });
    const file = join(cwd, 'dbdr.yaml');
    const good = await readFile(file, 'utf8');
    const bad = good
      .replace('Europe/Berlin', 'Mars/Base')
      .replace('stores: [here]', 'stors: [here], stores: [heer]')
      .replace('kind: file', 'kind: safe');
    await writeFile(file, bad);

    const told = await runCommand(['config', 'check'], { cwd });
    const asJson = await runCommand(['config', 'check', '--json'], { cwd });
    const other = await runCommand(['status', '--json'], { cwd });

    expect(told.exitCode).toBe(2);
    expect(told.stderr).toContain('line 1, timezone: must be an IANA time zone');
    expect(told.stderr).toContain('servers.shop.stors: unknown key (did you mean "stores"?)');
    expect(told.stderr).toContain('keys.kind: must be one of "file", "secrets-manager"');
    expect(asJson.exitCode).toBe(2);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      valid: false,
      problems: [
        { path: 'timezone' },
        { path: 'servers.shop.stores[0]' },
        { path: 'servers.shop.stors' },
        { path: 'keys.kind' },
      ],
    });
    expect(other.exitCode).toBe(2);
    expect(Failure.parse(JSON.parse(other.stdout)).problem.code).toBe('CONFIG_INVALID');
  });
});

describe('--json', () => {
  test('puts one document and nothing else on standard output', async () => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    await writeTestConfig(cwd, { url: DOWN });

    for (const words of ['status', 'backups', 'health', 'help', 'config explain', 'journal']) {
      const { stdout } = await runCommand([...words.split(' '), '--json'], { cwd });

      expect.soft(isJson(stdout), words).toBe(true);
      expect.soft(stdout.endsWith('}\n'), words).toBe(true);
    }
  });

  test('gives a failure the document of a problem', async () => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    await writeTestConfig(cwd, { url: DOWN });

    for (const words of ['stauts --json', 'status shp --json', '--json status --oops']) {
      const { stdout, exitCode } = await runCommand(words.split(' '), { cwd });

      expect.soft(exitCode, words).toBe(2);
      expect.soft(Failure.safeParse(JSON.parse(stdout)).error, words).toBeUndefined();
    }
  });

  test('tells of a failed run with its id, its steps and its problem', async () => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    await writeTestConfig(cwd, { url: DOWN });

    const { stdout, exitCode } = await runCommand(['backup', '--json'], { cwd });

    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/"runId":"r-[^"]+"/);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'failed',
      problem: { code: 'POSTGRES_UNREACHABLE' },
    });
  });
});

test('the shim hands words and exit codes through from a Node that cannot run it', async () => {
  await using folder = await temporaryFolder();

  const help = await runCommand(['--help'], { cwd: folder.path, node: hostNode() });
  const wrong = await runCommand(['stauts'], { cwd: folder.path, node: hostNode() });

  expect(help.exitCode).toBe(0);
  expect(help.stdout).toContain('Usage: npx dbdr');
  expect(wrong.exitCode).toBe(2);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
