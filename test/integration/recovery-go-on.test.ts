/** Tests of a copy that goes on: from one position to later ones, and at each it holds what was there. */
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { BackupSummary } from '../../src/engines/engine.ts';
import type { WalArchive } from '../../src/engines/wal-archive.ts';
import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import type { RecoveryDeps } from '../../src/recovery/deps.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import type { FolderArchive } from '../support/folder-archive.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import type { TestRecovery } from '../support/recovery-deps.ts';
import {
  inventoryOf,
  openRecoverySetting,
  type RecoverySetting,
  SHOP,
  storeOf,
} from '../support/recovery-setting.ts';
import { type TestRun, testRun } from '../support/test-run.ts';

type ReadRequest = Parameters<WalArchive['read']>[0];

const COUNTS = 'SELECT count(*)::int AS rows, sum(hashtext(text))::text AS sum FROM beat';
const CANCELLED = new Error('cancelled by ana');

/** A position, and what was there when it was the end. */
interface Mark {
  readonly lsn: Lsn;
  readonly counts: unknown;
}

let setting: RecoverySetting;
let server: TestPostgres;
let archive: FolderArchive;
let deps: TestRecovery;
let base: BackupSummary;
let marks: readonly [Mark, Mark, Mark, Mark];
let run: TestRun;
/** Discarded twice does no harm. */
let started: ScratchRestore | undefined;

beforeAll(async () => {
  setting = await openRecoverySetting();
  ({ server, archive, deps } = setting);
  await server.query('CREATE TABLE beat (id bigserial PRIMARY KEY, text text)');
  base = await archive.backup();
  // The only writer, so that what it counts is what every position after it shows.
  await using writer = await connect(server.url(), { signal: AbortSignal.timeout(60_000) });
  const first = await markAfter(writer, 200);
  const inSameSegment = await markAfter(writer, 3);
  await markAfter(writer, 1);
  const inNextSegment = await markAfter(writer, 5, 'SELECT pg_switch_wal()');
  await writer.query('CHECKPOINT');
  const far = await markAfter(writer, 60_000);
  await markAfter(writer, 50);
  marks = [first, inSameSegment, inNextSegment, far];
  await archive.caughtUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
});

beforeEach(() => {
  run = testRun();
});

afterEach(async () => {
  await started?.discard();
  started = undefined;
});

async function markAfter(writer: Session, rows: number, before = 'SELECT 1'): Promise<Mark> {
  await writer.query(before);
  await writer.query(
    `INSERT INTO beat (text) SELECT repeat(md5(g::text), 20) FROM generate_series(1, ${rows}) g`,
  );
  const [row] = await writer.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  return { lsn: toLsn(row?.lsn ?? ''), counts: await writer.query(COUNTS) };
}

async function restoreTo(lsn: Lsn, other: Partial<RecoveryDeps> = {}): Promise<ScratchRestore> {
  const path = followWal(base, await inventoryOf(deps, base));
  if (path === undefined) throw new Error('There is no log');
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  const request = { server: SHOP, store: storeOf(deps), base, path, target };
  return restoreToScratch({ ...deps, ...other }, request, run);
}

async function countsIn(copy: ScratchRestore): Promise<unknown> {
  await using session = await deps.connect(copy.url, { signal: run.signal });
  return await session.query(COUNTS);
}

async function nothingIsLeft(): Promise<void> {
  expect(await readdir(deps.scratch.path)).toEqual([]);
  expect(run.claims.size).toBe(0);
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  expect(processes).not.toContain(deps.scratch.path);
}

test('a copy goes on from position to position, holds at each what was there, and opens at last', async () => {
  const [first, ...later] = marks;

  let copy = await restoreTo(first.lsn);
  const seen = [await countsIn(copy)];
  for (const { lsn } of later) {
    // A session that was left open is ended, and does not keep the copy from going on.
    await using left = await deps.connect(copy.url, { signal: run.signal });
    await left.query('SELECT 1');
    copy = await copy.goOn(lsn, { signal: run.signal });
    seen.push(await countsIn(copy));
    expect(copy).toMatchObject({ how: 'target', reached: { lsn } });
  }
  expect(await copy.goOn(marks[3].lsn, { signal: run.signal })).toBe(copy);
  await copy.open({ signal: run.signal });
  seen.push(await countsIn(copy));
  await copy.discard();
  await copy.discard();

  expect(seen).toEqual([...marks, marks[3]].map(({ counts }) => counts));
  expect(copy.reached.at).not.toBeNull();
  await nothingIsLeft();
});

test('a copy does not go back, and stays where it is when it is asked to', async () => {
  const copy = await restoreTo(marks[1].lsn);

  await expect(copy.goOn(marks[0].lsn, { signal: run.signal })).rejects.toThrow('cannot go back');

  expect(await countsIn(copy)).toEqual(marks[1].counts);
  await copy.discard();
});

test('a position behind the end of the stored log is not reached, and nothing is left', async () => {
  const copy = await restoreTo(marks[3].lsn);

  await expect(copy.goOn(toLsn('7/0'), { signal: run.signal })).rejects.toMatchObject({
    kind: { code: 'TARGET_NOT_REACHED' },
  });

  await nothingIsLeft();
  await copy.discard();
});

test('cancelled while it goes on, a copy leaves nothing', async () => {
  let isGoing = false;
  const controller = new AbortController();
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    if (isGoing) controller.abort(CANCELLED);
    return archive.walArchive.read(request);
  }
  const copy = await restoreTo(marks[0].lsn, { walArchive: { ...archive.walArchive, read } });
  isGoing = true;

  await expect(copy.goOn(marks[3].lsn, { signal: controller.signal })).rejects.toBe(CANCELLED);

  await nothingIsLeft();
});

test('WAL that cannot be had on the way ends a copy that goes on with the reason', async () => {
  let isGoing = false;
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    if (isGoing) throw new Error('the store is on fire');
    return archive.walArchive.read(request);
  }
  const copy = await restoreTo(marks[0].lsn, { walArchive: { ...archive.walArchive, read } });
  isGoing = true;

  await expect(copy.goOn(marks[3].lsn, { signal: run.signal })).rejects.toThrow(
    'the store is on fire',
  );

  await nothingIsLeft();
});
