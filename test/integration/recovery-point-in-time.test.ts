/** Tests of going back in time on a real server under load: to a moment, a position, the newest. */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { BackupSummary } from '../../src/engines/engine.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import type { Target } from '../../src/recovery/target.ts';
import { endThatHangs, endThatIsLost, logThatGrowsAtPause } from '../support/fickle-log.ts';
import type { FolderArchive } from '../support/folder-archive.ts';
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

let setting: RecoverySetting;
let server: TestPostgres;
let archive: FolderArchive;
let deps: TestRecovery;
let base: BackupSummary;
let run: TestRun;
let restored: ScratchRestore | undefined;

beforeAll(async () => {
  setting = await openRecoverySetting();
  ({ server, archive, deps } = setting);
  await server.query('CREATE TABLE beat (id bigserial PRIMARY KEY, at timestamptz, filler text)');
  await beat(500);
  base = await archive.backup();
  await beat(500);
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
});

beforeEach(() => {
  run = testRun();
});

afterEach(async () => {
  await restored?.discard();
  restored = undefined;
});

/** Each row is a transaction of its own. */
async function beat(count: number): Promise<void> {
  await server.query(
    `DO $$ BEGIN FOR i IN 1..${count} LOOP
       INSERT INTO beat (at, filler) VALUES (clock_timestamp(), repeat(md5(i::text), 20)); COMMIT;
     END LOOP; END $$`,
  );
}

async function rowsNow(): Promise<number> {
  const [row] = await server.query('SELECT count(*)::int AS n FROM beat');
  return Number(row?.['n']);
}

async function clock(): Promise<string> {
  const [row] = await server.query(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
  );
  return String(row?.['at']);
}

async function stored(): Promise<Lsn> {
  const lsn = await archive.caughtUp();
  deps.progress = {
    server: SHOP,
    store: 'here',
    systemId: base.systemId,
    timeline: 1,
    storedLsn: lsn,
    serverLsn: lsn,
    at: await clock(),
  };
  return lsn;
}

async function restore(
  target: Target,
  instead: Partial<TestRecovery> = {},
): Promise<ScratchRestore> {
  const path = await pathTo(target, deps, base);
  const request = { server: SHOP, store: storeOf(deps), base, path, target };
  restored = await restoreToScratch({ ...deps, ...instead }, request, run);
  return restored;
}

async function rowsIn(copy: ScratchRestore): Promise<number> {
  await using session = await deps.connect(copy.url, { signal: run.signal });
  const [row] = await session.query<{ n: number }>('SELECT count(*)::int AS n FROM beat');
  return row?.n ?? -1;
}

test('goes back to a moment under load: what was committed before is there, and nothing after', async () => {
  await beat(200);
  const at = await clock();
  const expected = await rowsNow();
  await beat(200);
  await stored();

  const copy = await restore({ kind: 'time', asked: at, at });

  expect(await rowsIn(copy)).toBe(expected);
  expect(copy.how).toBe('target');
  expect(copy.reached.at === null ? '' : utcText(copy.reached.at) <= at).toBe(true);
});

test('goes back to a position', async () => {
  // Behind the header of a segment that has just begun there are two names for one place.
  await beat(1);
  const expected = await rowsNow();
  const [row] = await server.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const lsn = String(row?.['lsn']);
  await beat(50);
  await stored();

  const copy = await restore({ kind: 'lsn', asked: lsn, lsn });

  expect(await rowsIn(copy)).toBe(expected);
  expect(copy.reached.lsn).toBe(lsn);
});

test('goes back to just before a transaction', async () => {
  const expected = await rowsNow();
  const [row] = await server.query(
    'WITH gone AS (DELETE FROM beat WHERE id = 1 RETURNING 1) SELECT pg_current_xact_id()::xid::text AS xid FROM gone',
  );
  const xid = String(row?.['xid']);
  await beat(5);
  await stored();

  const copy = await restore({ kind: 'xid', asked: `xid:${xid}`, xid });

  expect(await rowsIn(copy)).toBe(expected);
});

test('restores the newest moment up to the last stored position', async () => {
  await beat(100);
  const end = await stored();
  const expected = await rowsNow();

  const copy = await restore({ kind: 'latest', asked: 'latest' });

  expect(await rowsIn(copy)).toBe(expected);
  expect(lsnBytes(copy.reached.lsn)).toBeGreaterThanOrEqual(lsnBytes(end) - 64n);
});

test('a moment after the last commit is the end of the log, and is called that', async () => {
  await beat(10);
  const expected = await rowsNow();
  const at = await clock();
  await stored();

  const copy = await restore({ kind: 'time', asked: at, at });

  expect(await rowsIn(copy)).toBe(expected);
  expect(copy.how).toBe('end of log');
  expect(copy.reached.at).not.toBeNull();
  await copy.open({ signal: run.signal });
  expect(await rowsIn(copy)).toBe(expected);
});

test('a copy stays where it was paused, though the log grew while it was', async () => {
  await beat(10);
  const expected = await rowsNow();
  const at = await clock();
  const [row] = await server.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const end = toLsn(String(row?.['lsn']));
  // Nothing that a commit could be told by: the moment still lies behind the end of the log.
  for (let times = 0; times < 3; times += 1)
    await server.query(`SELECT pg_logical_emit_message(false, 'test', repeat('x', 50))`);
  await stored();

  const copy = await restore({ kind: 'time', asked: at, at }, logThatGrowsAtPause(deps, end));

  expect(copy.reached.lsn).toBe(end);
  expect(copy.how).toBe('end of log');
  await copy.open({ signal: run.signal });
  expect(await rowsIn(copy)).toBe(expected);
});

test('a store that is slow to say that there is no more does not hold up the end of the log', async () => {
  await beat(10);
  const expected = await rowsNow();
  const at = await clock();
  const end = await stored();

  const copy = await restore({ kind: 'time', asked: at, at }, endThatHangs(deps, end));

  expect(copy.how).toBe('end of log');
  expect(await rowsIn(copy)).toBe(expected);
});

test('log that can be read less far than it was stored is not the end of the log', async () => {
  const before = await clock();
  await beat(10);
  const kept = await stored();
  await beat(10);
  const lost = await stored();
  await beat(10);
  await stored();
  const instead = endThatIsLost(deps, kept);

  for (const target of [
    { kind: 'latest', asked: 'latest' },
    { kind: 'lsn', asked: lost, lsn: lost },
  ] as const)
    await expect(restore(target, instead)).rejects.toThrow(
      /of WAL segment "\w+" \d+ bytes were stored, and \d+ can be read now/,
    );
  expect(run.claims.size).toBe(0);
  const copy = await restore({ kind: 'time', asked: before, at: before }, instead);
  expect(copy.how).toBe('target');
});

test('a table that was being changed at the target can be read once the copy is opened', async () => {
  const at = await clock();
  const expected = await rowsNow();
  await server.query(
    'BEGIN; ALTER TABLE beat ADD COLUMN x int; ALTER TABLE beat DROP COLUMN x; COMMIT',
  );
  await beat(1);
  await stored();
  const copy = await restore({ kind: 'time', asked: at, at });
  await using session = await deps.connect(copy.url, { signal: run.signal });
  await session.query("SET lock_timeout = '100ms'");
  await expect(session.query('SELECT FROM beat LIMIT 1')).rejects.toThrow('lock');

  await copy.open({ signal: run.signal });

  expect(await rowsIn(copy)).toBe(expected);
  const [state] = await session.query('SELECT pg_is_in_recovery() AS recovering');
  expect(state).toEqual({ recovering: false });
});

test('WAL that is missing in the middle is refused, not taken for the end of the log', async () => {
  const at = await clock();
  await beat(5);
  await server.query('SELECT pg_switch_wal()');
  await beat(50);
  await server.query('SELECT pg_switch_wal()');
  await beat(50);
  await server.query('SELECT pg_switch_wal()');
  await stored();
  const later = await clock();
  const names = (await readdir(archive.walFolder)).filter((file) => /^[0-9A-F]{24}$/.test(file));
  const victim = join(archive.walFolder, names.toSorted().at(-2) ?? '');
  await rename(victim, `${victim}.away`);

  try {
    await expect(restore({ kind: 'latest', asked: 'latest' })).rejects.toThrow('hole');
    await expect(restore({ kind: 'time', asked: later, at: later })).rejects.toMatchObject({
      kind: { code: 'WAL_HOLE' },
    });
    expect(run.claims.size).toBe(0);
    const copy = await restore({ kind: 'time', asked: at, at });
    expect(copy.how).toBe('target');
  } finally {
    await rename(`${victim}.away`, victim);
  }
});

test('a position before the end of the backup is told as too early', async () => {
  const lsn = lsnFromBytes(lsnBytes(base.beginLsn) + 60n);
  const store = storeOf(deps);
  const inventory = { timeline: 1, fromLsn: base.beginLsn, toLsn: await stored() };
  const path = { ...inventory, runs: [inventory], missing: [], broken: false };

  await expect(
    restoreToScratch(
      deps,
      { server: SHOP, store, base, path, target: { kind: 'lsn', asked: lsn, lsn } },
      run,
    ),
  ).rejects.toMatchObject({ kind: { code: 'TARGET_TOO_EARLY' } });

  expect(await readdir(deps.scratch.path)).toEqual([]);
  await rm(deps.scratch.path, { recursive: true });
});
