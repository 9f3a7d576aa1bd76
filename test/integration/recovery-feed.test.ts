/** Tests of feeding WAL, with the restore command run as PostgreSQL runs it, and no PostgreSQL. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { systemClock } from '../../src/kernel/clock.ts';
import { lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { segmentNameAt } from '../../src/kernel/wal-name.ts';
import type { WalPath } from '../../src/recovery/coverage.ts';
import { openWalFeed, type WalFeed } from '../../src/recovery/point-in-time/wal-feed.ts';
import type { WalFileName } from '../../src/recovery/point-in-time/wal-writer.ts';
import { STORE_UNREACHABLE } from '../../src/storage/problems.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const SIZE = 1 << 20;
const FROM = toLsn('0/100000');

function pathTo(toLsnText: string): WalPath {
  const run = { timeline: 1, fromLsn: FROM, toLsn: toLsn(toLsnText) };
  return { ...run, runs: [run], missing: [], broken: false };
}

let folder: TemporaryFolder;
let spool: string;
/** What the store cannot give, and in which order it was asked. */
let lacking: Map<string, 'absent' | Error | { readonly bytes: number }>;
let asked: string[];
let atOnce: { now: number; most: number };

beforeEach(async () => {
  folder = await temporaryFolder();
  spool = join(folder.path, 'spool');
  await mkdir(join(folder.path, 'pg_wal'));
  lacking = new Map();
  asked = [];
  atOnce = { now: 0, most: 0 };
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

function segment(number: number): WalFileName {
  return segmentNameAt(1, lsnFromBytes(BigInt(number * SIZE)), SIZE);
}

async function readWal(name: WalFileName): Promise<Buffer | undefined> {
  asked.push(name);
  atOnce.now += 1;
  atOnce.most = Math.max(atOnce.most, atOnce.now);
  await nextTurn();
  atOnce.now -= 1;
  const lack = lacking.get(name);
  if (lack instanceof Error) throw lack;
  if (lack === 'absent') return undefined;
  return Buffer.alloc(lack?.bytes ?? SIZE, 'log');
}

async function open(
  more: { readonly targetLsn?: string; readonly toLsn?: string; readonly trouble?: Problem } = {},
): Promise<WalFeed> {
  return openWalFeed({
    spool,
    user: undefined,
    path: pathTo(more.toLsn ?? '0/1000000'),
    segmentBytes: SIZE,
    readWal,
    troubleOf: () => more.trouble,
    firstLsn: FROM,
    ...(more.targetLsn === undefined ? {} : { targetLsn: toLsn(more.targetLsn) }),
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

/** Answers the exit code. */
async function ask({ restoreCommand }: WalFeed, name: string): Promise<number | string | null> {
  const command = restoreCommand.replace('%f', name).replace('%p', `pg_wal/${name}`);
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: folder.path }, (error) =>
      resolve(error?.code ?? 0),
    );
  });
}

async function readyInSpool(): Promise<readonly string[]> {
  return (await readdir(spool)).filter((name) => name.endsWith('.ready'));
}

test('a feed has everything ready before it is asked for, but for the segment that may still grow', async () => {
  await using feed = await open();

  await waitUntil(async () => (await readyInSpool()).length === 14);
  const codes: unknown[] = [];
  for (let number = 1; number <= 15; number += 1) codes.push(await ask(feed, segment(number)));

  expect(codes).toEqual(Array.from({ length: 15 }, () => 0));
  expect(await readdir(join(folder.path, 'pg_wal'))).toHaveLength(15);
  expect(asked).toHaveLength(15);
  expect(atOnce.most).toBeLessThanOrEqual(8);
  // What lay ready was never asked for: only the end of the log is.
  expect([...feed.asked().keys()]).toEqual([segment(15)]);
});

test('a feed reads nothing ahead that lies behind the target, and gives up what is not needed', async () => {
  const feed = await open({ targetLsn: '0/280000' });
  await waitUntil(async () => (await readyInSpool()).length === 2);

  await feed.finish();
  await feed[Symbol.asyncDispose]();

  expect(asked).toEqual([segment(1), segment(2)]);
  expect(await readyInSpool()).toEqual([]);
  expect(await ask(feed, segment(1))).toBe(1);
});

test('a feed says that the log ends only behind what must be there', async () => {
  lacking.set(segment(16), 'absent');
  lacking.set('00000002.history', 'absent');
  lacking.set(segment(5), 'absent');
  await using feed = await open();

  expect(await ask(feed, '00000002.history')).toBe(1);
  expect(await ask(feed, segment(16))).toBe(1);
  expect(feed.failed.aborted).toBe(false);
  expect(await ask(feed, segment(5))).toBeGreaterThan(125);
  expect(feed.failed.reason).toMatchObject({ kind: { code: 'WAL_HOLE' } });
});

test('what cannot be read ahead is a failure only for whoever asks for it', async () => {
  lacking.set(segment(3), new Error('the store is on fire'));
  await using feed = await open();
  await waitUntil(async () => (await readyInSpool()).length === 13);

  expect(await ask(feed, segment(2))).toBe(0);
  expect(feed.failed.aborted).toBe(false);
  expect(await ask(feed, segment(3))).toBeGreaterThan(125);
  expect(feed.failed.reason).toMatchObject({ message: 'the store is on fire' });
});

test('what is stored of the last segment is filled up with zeros, and as long as it was is its end', async () => {
  lacking.set(segment(15), { bytes: 0x80000 });
  await using feed = await open({ toLsn: '0/f80000' });

  expect(await ask(feed, segment(15))).toBe(0);

  const given = await readFile(join(folder.path, 'pg_wal', segment(15)));
  expect(given.equals(Buffer.concat([Buffer.alloc(0x80000, 'log')], SIZE))).toBe(true);
  expect(feed.cutShort()).toBeUndefined();
});

test('less than was stored of the last segment is not the end of the log, until it is there again', async () => {
  const trouble = new Problem(STORE_UNREACHABLE, 'Cannot read west');
  await using feed = await open({ toLsn: '0/f80000', trouble });
  lacking.set(segment(15), { bytes: 0x7ffff });

  expect(await ask(feed, segment(15))).toBe(0);
  expect(feed.cutShort()).toBe(trouble);

  lacking.set(segment(15), { bytes: 0x80001 });
  expect(await ask(feed, segment(15))).toBe(0);
  expect(feed.cutShort()).toBeUndefined();
});

test('the same segment can be asked for again and again at once: each time it is read anew', async () => {
  await using feed = await open();
  const last = segment(15);

  const codes: unknown[] = [];
  for (let times = 0; times < 20; times += 1) codes.push(await ask(feed, last));

  expect(codes).toEqual(Array.from({ length: 20 }, () => 0));
  expect(feed.asked().get(last)).toBe(20);
  expect(asked.filter((name) => name === last)).toHaveLength(20);
});
