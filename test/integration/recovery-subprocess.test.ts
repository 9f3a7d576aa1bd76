/** Tests of running real programs: their ends, their deadlines, their children. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { runProgram, runProgramWell } from '../../src/subprocess/run.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const SH = '/bin/sh';

function options(more: { readonly signal?: AbortSignal; readonly deadlineMs?: number } = {}) {
  return {
    signal: new AbortController().signal,
    deadlineMs: 10_000,
    cwd: '/',
    environment: { PATH: '/usr/bin:/bin' },
    ...more,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('runProgram() answers exit code and both outputs', async () => {
  const end = await runProgram(SH, ['-c', 'echo out; echo err >&2; exit 7'], options());

  expect(end).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('runProgram() gives the program the environment it was told and nothing else', async () => {
  const end = await runProgram('/usr/bin/env', [], options());

  expect(end.stdout).toBe('PATH=/usr/bin:/bin\n');
});

test('runProgram() hands over standard input', async () => {
  const end = await runProgram('/bin/cat', [], { ...options(), stdin: 'hello' });

  expect(end.stdout).toBe('hello');
});

test('runProgram() keeps the end of a long output', async () => {
  const script =
    'i=0; while [ $i -lt 40000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; echo last';

  const end = await runProgram(SH, ['-c', script], options());

  expect(end.stdout.length).toBe(1024 * 1024);
  expect(end.stdout.endsWith('last\n')).toBe(true);
});

test('runProgram() says that a program is missing', async () => {
  await expect(runProgram('/nowhere/pg_ctl', [], options())).rejects.toMatchObject({
    kind: { code: 'SUBPROCESS_MISSING' },
  });
});

test('runProgramWell() tells what the program said, without the password', async () => {
  const script = 'echo "cannot reach postgres://dbdr:hush@db/shop" >&2; exit 3';

  await expect(runProgramWell(SH, ['-c', script], options())).rejects.toMatchObject({
    kind: { code: 'SUBPROCESS_FAILED' },
    message: 'Cannot run "sh": it ended with exit code 3: cannot reach postgres://dbdr:***@db/shop',
  });
});

test('runProgram() ends a program that is too slow, and one that ignores SIGTERM', async () => {
  const script = 'trap "" TERM; while :; do sleep 0.1; done';

  await expect(runProgram(SH, ['-c', script], options({ deadlineMs: 200 }))).rejects.toMatchObject({
    kind: { code: 'SUBPROCESS_TOO_SLOW' },
  });
});

test('runProgram() ends the children too when it is aborted, and rejects with the reason', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'child');
  const controller = new AbortController();
  const reason = new Error('cancelled');
  const script = `sleep 60 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`;
  const running = runProgram(SH, ['-c', script], options({ signal: controller.signal }));
  const told = running.catch((error: unknown) => error);
  await waitUntil(() => existsSync(file));
  const child = Number(readFileSync(file, 'utf8'));
  expect(isAlive(child)).toBe(true);

  controller.abort(reason);

  expect(await told).toBe(reason);
  await waitUntil(() => !isAlive(child));
});
