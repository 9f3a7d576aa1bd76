/** The bot is killed at the worst moments: it must say so afterwards, tidy up, and go on. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

import { ANA, BEN, OPS } from '../../src/demo/people.ts';
import type { Message } from '../../src/workspace/workspace.ts';
import { freeze, processesNaming } from '../support/story-processes.ts';
import { fingerprint, openStory, type StoryStage, scratchFolders } from '../support/story-stage.ts';
import {
  answerTo,
  buttonsOf,
  clicks,
  roots,
  said,
  sameSays,
  threadOf,
  wordsOf,
} from '../support/story-words.ts';
import { waitUntil } from '../support/wait-until.ts';

const Backups = z.looseObject({ backups: z.array(z.unknown()) });

let stage: StoryStage;

beforeEach(async () => {
  stage = await openStory();
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function backUp(): Promise<Message> {
  const before = new Set(roots(stage).map(({ ts }) => ts));
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  return said(stage, ['Back up shop: Done'], { fits: ({ ts }) => !before.has(ts) });
}

/** The server's process that sends the backup, once it is in the middle of it. */
async function sendingPid(): Promise<number> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const [row] = await stage.shop.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_progress_basebackup WHERE phase = 'streaming database files'`,
    );
    if (row !== undefined) return row.pid;
    // The condition is the phase; this only spaces the looks.
    await delay(2);
  }
  throw new Error('No backup was seen being sent');
}

async function askForOrders(): Promise<Message> {
  const now = Temporal.Now.instant().toString({ smallestUnit: 'millisecond' });
  await stage.workspace.as(ANA).command(`/dbdr restore shop --to ${now} --tables orders`, OPS);
  return said(stage, ['Needs approval'], {
    fits: (message) => buttonsOf(message).includes('approve_run'),
  });
}

async function backupsListed(): Promise<number> {
  const { stdout } = await stage.dbdr('backups', 'shop', '--json');
  return Backups.parse(JSON.parse(stdout)).backups.length;
}

/** Every event is told once, however often the bot was started. */
function expectNothingTwice(): void {
  for (const root of roots(stage)) {
    const thread = threadOf(stage, root);
    expect(thread).toEqual([...new Set(thread)]);
  }
}

test('killed while it copies a backup: it says so, lists no half of one, and takes the next', async () => {
  await stage.shop.query(
    `CREATE TABLE filler AS SELECT n, md5(n::text) AS a, md5((n + 1)::text) AS b FROM generate_series(1, 600000) AS n`,
  );
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  const pid = await sendingPid();
  {
    using stalled = freeze(pid);
    const copying = await said(stage, ['Copy its files (now)']);
    expect(roots(stage)).toHaveLength(1);
    await stage.killBot();
    expect(wordsOf(copying)).toContain('Running');
    expect(stalled.pid).toBe(pid);
  }

  await stage.startBot();
  const [first] = roots(stage);
  if (first === undefined) throw new Error('The message is gone');
  const told = await sameSays(stage, first, 'Interrupted');

  expect(buttonsOf(told)).toEqual([]);
  expect(roots(stage)).toHaveLength(1);
  expect(await backupsListed()).toBe(0);
  const next = await backUp();
  expect(wordsOf(next)).toContain('Done');
  expect(await backupsListed()).toBe(1);
  const proof = await stage.dbdr('verify', 'shop', '--json');
  expect(JSON.parse(proof.stdout)).toMatchObject({ verdict: 'PASS' });
  expect(proof.exitCode).toBe(0);
  expect(roots(stage)).toHaveLength(2);
  expectNothingTwice();
});

test('killed while it restores what is approved already: nothing is left, production untouched', async () => {
  await backUp();
  const before = await fingerprint(stage.shop, 'orders');
  const asked = await askForOrders();
  await clicks(stage, BEN, asked, 'approve_run');
  await sameSays(stage, asked, 'Approved by');
  await waitUntil(async () => (await processesNaming(`${stage.state}/scratch`)).length > 0);
  await stage.killBot();
  expect(await scratchFolders(stage)).toHaveLength(1);

  await stage.startBot();
  const told = await sameSays(stage, asked, 'Interrupted', 'Cancelled');

  await waitUntil(async () => (await scratchFolders(stage)).length === 0);
  expect(await processesNaming(`${stage.state}/scratch`)).toEqual([]);
  expect(buttonsOf(told)).toEqual([]);
  expect(wordsOf(told)).toContain('RUN_PARENT_NOT_DONE');
  const schemas = await stage.shop.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'dbdr%'`);
  expect(schemas).toHaveLength(0);
  expect(await fingerprint(stage.shop, 'orders')).toBe(before);
  expect(roots(stage)).toHaveLength(2);
  expectNothingTwice();
});

test('nobody can approve while it is away; afterwards the same button works', async () => {
  await backUp();
  const before = await fingerprint(stage.shop, 'orders');
  const asked = await askForOrders();
  await sameSays(stage, asked, 'Done', 'Waiting for approval');
  await stage.killBot();

  const click = await stage.workspace.as(BEN).click(asked.ts, 'approve_run');
  const typed = await answerTo(stage, ANA, '/dbdr status');
  expect(click).toMatchObject({ outcome: 'failed' });
  expect(typed).toContain('failed with the error');

  await stage.startBot();
  await clicks(stage, BEN, asked, 'approve_run');
  const done = await sameSays(stage, asked, 'dbdr_restored_', 'Approved by', '50,000 rows');
  const [copy] = /dbdr_restored_\w+\.orders/.exec(wordsOf(done)) ?? [''];

  expect(await fingerprint(stage.shop, copy)).toBe(before);
  expect(roots(stage)).toHaveLength(2);
  expectNothingTwice();
});

test('killed while it copies tables into production: half of a copy does not stay there', async () => {
  await backUp();
  const asked = await askForOrders();
  await sameSays(stage, asked, 'Done', 'Waiting for approval');
  await clicks(stage, BEN, asked, 'approve_run');
  await waitUntil(async () => {
    const rows = await stage.shop.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'dbdr%'`);
    return rows.length === 1;
  });
  await stage.killBot();

  await stage.startBot();
  const told = await sameSays(stage, asked, /Interrupted|50,000 rows in dbdr_restored/);

  const isDone = wordsOf(told).includes('50,000 rows in dbdr_restored');
  await waitUntil(async () => {
    const rows = await stage.shop.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'dbdr%'`);
    return rows.length === (isDone ? 1 : 0);
  });
  expect(roots(stage)).toHaveLength(2);
  expectNothingTwice();
});
