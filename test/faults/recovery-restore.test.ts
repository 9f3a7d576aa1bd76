/** Tests of restores that go wrong: cancelled in every phase, a full disk, a feeder that is gone. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readScratchPlace } from '../../src/clusters/place.ts';
import { findPostmaster } from '../../src/clusters/processes.ts';
import { scratchClusterSweeper } from '../../src/clusters/teardown.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import type { WalArchive } from '../../src/engines/wal-archive.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { Programs } from '../../src/postgres/programs.ts';
import type { ConnectOptions, Session } from '../../src/postgres/session.ts';
import type { RecoveryDeps } from '../../src/recovery/deps.ts';
import { renderFeedScript } from '../../src/recovery/point-in-time/feed-script.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import type { Target } from '../../src/recovery/target.ts';
import { judgeFailure } from '../../src/verification/checks.ts';
import { type FolderArchive, openFolderArchive } from '../support/folder-archive.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import type { TestRecovery } from '../support/recovery-deps.ts';
import {
  openRecoverySetting,
  pathTo,
  type RecoverySetting,
  SHOP,
  storeOf,
} from '../support/recovery-setting.ts';
import { type TestRun, testRun } from '../support/test-run.ts';
import { waitUntil } from '../support/wait-until.ts';

type ReadRequest = Parameters<WalArchive['read']>[0];

const LATEST: Target = { kind: 'latest', asked: 'latest' };

let setting: RecoverySetting;
let server: TestPostgres;
let archive: FolderArchive;
let deps: TestRecovery;
let base: BackupSummary;
let run: TestRun;

beforeAll(async () => {
  setting = await openRecoverySetting();
  ({ server, archive, deps } = setting);
  await server.query('CREATE TABLE filler (id bigserial PRIMARY KEY, text text)');
  base = await archive.backup();
  await fill();
  await archive.caughtUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
});

beforeEach(() => {
  run = testRun();
});

async function fill(): Promise<void> {
  await server.query(
    'INSERT INTO filler (text) SELECT repeat(md5(g::text), 20) FROM generate_series(1, 30000) g',
  );
}

async function restore(target: Target, other: Partial<RecoveryDeps> = {}): Promise<ScratchRestore> {
  const all = { ...deps, ...other };
  const path = await pathTo(target, deps, base);
  return restoreToScratch(all, { server: SHOP, store: storeOf(deps), base, path, target }, run);
}

async function nothingIsLeft(): Promise<void> {
  const names = await readdir(deps.scratch.path).catch(() => []);
  expect(names).toEqual([]);
  expect(run.claims.size).toBe(0);
  expect(runningPrograms()).not.toContain(deps.scratch.path);
}

function runningPrograms(): string {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
}

const CANCELLED = new Error('cancelled by ana');

test('cancelled while files are read, a restore leaves nothing', async () => {
  let files = 0;
  archive.beforeFile = async () => {
    files += 1;
    if (files === 200) run.controller.abort(CANCELLED);
  };

  await expect(restore(LATEST)).rejects.toBe(CANCELLED);

  delete archive.beforeFile;
  await nothingIsLeft();
});

test('cancelled while PostgreSQL starts, a restore leaves nothing', async () => {
  async function programsFor(): Promise<Programs> {
    queueMicrotask(() => setTimeout(() => run.controller.abort(CANCELLED), 5));
    return server.programs;
  }

  await expect(restore(LATEST, { programsFor })).rejects.toBe(CANCELLED);

  await nothingIsLeft();
});

test('cancelled while WAL is replayed, a restore leaves nothing', async () => {
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    if (request.name.endsWith('4')) run.controller.abort(CANCELLED);
    return archive.walArchive.read(request);
  }

  await expect(restore(LATEST, { walArchive: { ...archive.walArchive, read } })).rejects.toBe(
    CANCELLED,
  );

  await nothingIsLeft();
});

test('cancelled while the copy is asked where it stands, a restore leaves nothing', async () => {
  async function connect(url: string, options: ConnectOptions): Promise<Session> {
    const session = await deps.connect(url, options);
    run.controller.abort(CANCELLED);
    return session;
  }

  await expect(restore(LATEST, { connect })).rejects.toBe(CANCELLED);

  await nothingIsLeft();
});

test('WAL that cannot be fetched ends the restore with the reason, not with less data', async () => {
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    if (request.name.endsWith('4')) throw new Error('the store is on fire');
    return archive.walArchive.read(request);
  }

  await expect(restore(LATEST, { walArchive: { ...archive.walArchive, read } })).rejects.toThrow(
    'the store is on fire',
  );

  await nothingIsLeft();
});

test('WAL that is damaged in the middle is not taken for the end of the log', async () => {
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    const bytes = await archive.walArchive.read(request);
    if (request.name.endsWith('3')) bytes?.fill(0x5a, 5 * 1024 * 1024, 5 * 1024 * 1024 + 64);
    return bytes;
  }

  await expect(
    restore(LATEST, { walArchive: { ...archive.walArchive, read } }),
  ).rejects.toMatchObject({ kind: { code: 'TARGET_NOT_REACHED' } });

  await nothingIsLeft();
});

// Before the log of segment 2 is replayed nobody can ask the copy; at segment 4 it is being asked.
test.each([
  ['the process that replays is killed', 'startup', 'SIGKILL', '2'],
  ['the process that replays is asked to end', 'startup', 'SIGTERM', '4'],
  ['the first process is killed', 'first', 'SIGKILL', '4'],
  ['somebody shuts the copy down', 'first', 'SIGINT', '2'],
] as const)(
  'where %s, the backup is not called bad, and nothing is left',
  async (_, who, signal, segment) => {
    let isSent = false;
    async function read(request: ReadRequest): Promise<Buffer | undefined> {
      const bytes = await archive.walArchive.read(request);
      if (isSent || !request.name.endsWith(segment)) return bytes;
      isSent = true;
      process.kill(await copyProcess(who), signal);
      return bytes;
    }

    const failure = await restore(LATEST, { walArchive: { ...archive.walArchive, read } }).catch(
      (error: unknown) => error,
    );

    expect(failure).toMatchObject({ kind: { code: 'CLUSTER_KILLED' } });
    expect(judgeFailure(failure).verdict).toBe('ERROR');
    // What has lost its parent sees by itself that there is nothing to wait for.
    await waitUntil(() => !runningPrograms().includes(deps.scratch.path));
    await nothingIsLeft();
  },
);

test('a restore command whose PostgreSQL was killed ends when the copy is removed', async () => {
  const spool = join(setting.folder, 'spool');
  await mkdir(spool);
  const script = join(setting.folder, 'fetch-wal.sh');
  await writeFile(script, renderFeedScript({ spool, feederPid: process.pid }));
  const args = [script, '000000010000000000000009', join(setting.folder, 'to')];
  const command = spawn('/bin/sh', args, { timeout: 10_000 });
  const ended = once(command, 'exit');
  await waitUntil(async () => (await readdir(spool)).length > 0);

  await rm(spool, { recursive: true });

  expect(await ended).toEqual([204, null]);
});

/** Log is read ahead while PostgreSQL starts: it is waited for. */
async function copyProcess(who: 'startup' | 'first'): Promise<number> {
  for (;;) {
    run.signal.throwIfAborted();
    const [claim] = run.claims.values();
    const place = readScratchPlace(claim?.reference);
    const first = place === undefined ? undefined : await findPostmaster(place);
    const startup = first === undefined ? undefined : startupOf(first);
    if (first !== undefined && startup !== undefined) return who === 'first' ? first : startup;
    await delay(10);
  }
}

function startupOf(postmaster: number): number | undefined {
  const children = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const line = children.split('\n').find((one) => {
    const [, parent, ...words] = one.trim().split(/\s+/);
    return Number(parent) === postmaster && words.join(' ').startsWith('postgres: startup');
  });
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[0]);
}

test('a process that was killed leaves a cluster that the sweeper takes back by its claim', async () => {
  const copy = await restore(LATEST);
  const [claim] = run.claims.values();
  const place = readScratchPlace(claim?.reference);
  if (claim === undefined || place === undefined) throw new Error('Nothing was claimed');
  expect(await findPostmaster(place)).toBe(copy.cluster.pid);

  await scratchClusterSweeper.sweep(claim.reference, { signal: run.signal, log: silentLog });

  expect(copy.cluster.isRunning()).toBe(false);
  expect(await readdir(deps.scratch.path)).toEqual([]);
});

test('a full disk is told as that, and nothing is left on it', async () => {
  archive.beforeFile = async () => {
    throw Object.assign(new Error('write'), { code: 'ENOSPC' });
  };

  await expect(restore(LATEST)).rejects.toMatchObject({ kind: { code: 'CLUSTER_DISK_FULL' } });

  delete archive.beforeFile;
  await nothingIsLeft();
});

// Only root may mount a small disk.
test.runIf(process.getuid?.() === 0)(
  'a small disk is refused, and one that fills up is emptied',
  async () => {
    const path = join(setting.folder, 'small');
    await mkdir(path);
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=20m,mode=755', 'tmpfs', path]);
    try {
      const scratch = { ...deps.scratch, path };
      await expect(restore(LATEST, { scratch })).rejects.toMatchObject({
        kind: { code: 'CLUSTER_NO_ROOM' },
      });
      execFileSync('/bin/mount', ['-o', 'remount,size=400m', path]);
      archive.beforeFile = fillOnce(path);
      await expect(restore(LATEST, { scratch })).rejects.toMatchObject({
        kind: { code: 'CLUSTER_DISK_FULL' },
      });
      expect(await readdir(path)).toEqual(['ballast']);
      expect(run.claims.size).toBe(0);
    } finally {
      delete archive.beforeFile;
      execFileSync('/bin/umount', [path]);
    }
  },
);

/** Somebody else's file takes the room away while we restore. */
function fillOnce(path: string): () => Promise<void> {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await writeFile(join(path, 'ballast'), Buffer.alloc(390 * 1024 * 1024)).catch(() => undefined);
  };
}

test('replay goes on when the server raised a setting that it needs', async () => {
  await server.query("ALTER SYSTEM SET max_connections = '140'");
  await archive.stopReceiving();
  await server.stop();
  await server.start();
  const again = await openFolderArchive(server, setting.folder, SHOP, { resume: true });
  await fill();
  await again.caughtUp();

  const copy = await restore(LATEST);

  await using session = await deps.connect(copy.url, { signal: run.signal });
  const [row] = await session.query('SHOW max_connections');
  expect(row).toEqual({ max_connections: '140' });
  await copy.discard();
  await again[Symbol.asyncDispose]();
  expect(existsSync(copy.place.folder)).toBe(false);
});
