/**
 * Tests of a primary whose clock was wrong for a while: its log is given the times that it would have had,
 * and is then restored to a moment that was passed twice.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { WAL_DAMAGED } from '../../src/engines/streaming/wal-problems.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { isLsn, type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { isSegmentName, segmentNameAt, segmentPlace } from '../../src/kernel/wal-name.ts';
import { reapInstances } from '../../src/recovery/instances.ts';
import { type BehindRequest, readBehind } from '../../src/recovery/point-in-time/read-behind.ts';
import { type RestoreResult, restoreOperation } from '../../src/recovery/restore-operation.ts';
import { restoreTablesOperation } from '../../src/recovery/tables-operation.ts';
import {
  type FolderArchive,
  openFolderArchive,
  testServerName,
} from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TestRecovery, testRecovery } from '../support/recovery-deps.ts';
import { restampSegment } from '../support/restamp-log.ts';
import { runRecord } from '../support/run-record.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const NAME = testServerName('shop');
const SEGMENT_BYTES = 16 * 1024 * 1024;

let server: TestPostgres;
let folder: TemporaryFolder;
let archive: FolderArchive;
let deps: TestRecovery;
/** Between the hour in which the clock ran ahead and now. */
let target: Temporal.Instant;
let wrong: { readonly from: Lsn; readonly middle: Lsn; readonly to: Lsn };
let aheadSeconds = 0;

beforeAll(async () => {
  server = await startPostgres({ settings: { max_prepared_transactions: '2' } });
  folder = await temporaryFolder();
  archive = await openFolderArchive(server, folder.path, NAME);
  deps = testRecovery(server, archive, { name: NAME, scratch: join(folder.path, 'scratch') });
  await server.query('CREATE TABLE beat (what text)');
  await archive.backup();
  await beat('before', 5);
  await server.query(
    `BEGIN; INSERT INTO beat VALUES ('prepared'); PREPARE TRANSACTION 'left open'`,
  );
  const from = await position();
  await beat('while the clock was ahead', 3);
  const middle = await position();
  await beat('while the clock was ahead', 4);
  wrong = { from, middle, to: await position() };
  await server.query('SELECT pg_switch_wal()');
  await beat('after it was set', 11);
  target = Temporal.Now.instant();
  await beat('after the target', 3);
  await archive.caughtUp();
  await archive.stopReceiving();
});

afterAll(async () => {
  await reapInstances(deps, Temporal.Instant.from('9999-01-01T00:00:00Z'));
  await archive[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function beat(what: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await server.query('INSERT INTO beat VALUES ($1)', [what]);
}

async function position(): Promise<Lsn> {
  const [row] = await server.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const lsn = String(row?.['lsn']);
  if (!isLsn(lsn)) throw new TypeError(lsn);
  return lsn;
}

/** What was committed between the two positions bears a time so many seconds later than the true one. */
async function setClockAhead(seconds: number): Promise<void> {
  let changed = 0;
  for (const file of await readdir(archive.walFolder)) {
    changed += await restampSegment(join(archive.walFolder, file), SEGMENT_BYTES, (end) => {
      const lsn = lsnBytes(end.lsn);
      const isWrong = lsn >= lsnBytes(wrong.from) && lsn < lsnBytes(wrong.to);
      return isWrong ? end.at.add({ seconds: seconds - aheadSeconds }) : undefined;
    });
  }
  expect(changed).toBe(7);
  aheadSeconds = seconds;
}

async function restore(to: string): Promise<RestoreResult> {
  const operation = restoreOperation(deps);
  const { actor, signal } = testRun();
  const { plan } = await operation.prepare(operation.input.parse({ server: 'shop', to }), {
    actor,
    signal,
  });
  return operation.run(plan, testRun());
}

/** As the run that follows a restore with `--tables`. */
async function bringBack(from: RestoreResult, tables: readonly string[]) {
  const run = testRun();
  const done = runRecord('done', { operation: 'restore', result: from });
  const operation = restoreTablesOperation({ ...deps, findRun: async () => done });
  const words = operation.input.parse({ server: 'shop', from: from.runId, tables });
  const { plan } = await operation.prepare(words, run);
  return await operation.run(plan, run);
}

async function rowsIn({ instance }: RestoreResult): Promise<Record<string, number>> {
  await using session = await deps.connect(instance.url, { signal: testRun().signal });
  const rows = await session.query<{ what: string; n: number }>(
    'SELECT what, count(*)::int AS n FROM beat GROUP BY 1',
  );
  return Object.fromEntries(rows.map(({ what, n }) => [what, n]));
}

test('says that the copy stands at the first passing, and with which command the other is had', async () => {
  await setClockAhead(3600);

  const early = await restore(target.toString());
  const [warning = ''] = early.warnings;
  const { otherReading } = early;

  expect(await rowsIn(early)).toEqual({ before: 5 });
  expect(otherReading).toMatchObject({ lacking: 11, later: 7 });
  expect(otherReading?.clockWentBackSeconds).toBeGreaterThan(3590);
  expect(warning).toContain('the clock of shop went back by 1 h');
  expect(warning).toContain('Behind it 11 transactions are earlier than the target');
  expect(warning).toContain(`\`npx dbdr restore shop --to ${otherReading?.lsn}\``);
  expect((await bringBack(early, ['beat'])).warnings[0]).toContain(otherReading?.command);

  const meant = await restore(otherReading?.lsn ?? '');

  expect(await rowsIn(meant)).toEqual({
    before: 5,
    'while the clock was ahead': 7,
    'after it was set': 11,
  });
  expect(meant.otherReading).toBeNull();
});

/** The log behind the moment from which the clock ran ahead, read as a restore does. */
async function behind(change: Partial<BehindRequest> = {}) {
  const end = (await archive.walArchive.inventory(inventoryRequest())).runs.at(-1);
  if (end === undefined) throw new Error('There is no log');
  const { signal } = testRun();
  return await readBehind({
    base: { segmentBytes: SEGMENT_BYTES },
    path: { runs: [end], broken: false },
    readWal: async (name) => archive.walArchive.read({ ...inventoryRequest(), name }),
    target,
    lsn: wrong.from,
    clock: systemClock,
    log: silentLog,
    signal,
    onProgress: () => undefined,
    ...change,
  });
}

function inventoryRequest(): Parameters<FolderArchive['walArchive']['inventory']>[0] {
  const store = deps.storesOf(NAME)[0]?.store;
  if (store === undefined) throw new Error('There is no store');
  const log = { server: NAME, major: 15, systemId: '1' };
  const { signal } = testRun();
  return { store, ring: deps.ring, folder: log, segmentBytes: SEGMENT_BYTES, signal };
}

test('reads no more of the log than it may, and says how far it came', async () => {
  await setClockAhead(3600);

  const whole = await behind();
  const part = await behind({ bytesMax: SEGMENT_BYTES });

  expect(whole).toMatchObject({ whole: true, reading: { outcome: 'passed again', earlier: 11 } });
  expect(part).toEqual({
    outcome: 'read',
    reading: { outcome: 'passed once' },
    lookedTo: '0/4000000',
    whole: false,
  });
});

test('looks only as far as there is log, though more of it was stored', async () => {
  const end = wrong.middle;
  const last = segmentNameAt(1, end, SEGMENT_BYTES);
  const cut = Number(lsnBytes(end) % BigInt(SEGMENT_BYTES));

  const read = await behind({
    readWal: async (name) => {
      const content = await archive.walArchive.read({ ...inventoryRequest(), name });
      return name === last ? content?.subarray(0, cut) : content;
    },
  });

  expect(read).toMatchObject({ whole: false, lookedTo: end });
});

test('counts each transaction once where a timeline was left for another', async () => {
  await setClockAhead(3600);
  const runs = [
    { timeline: 1, fromLsn: toLsn('0/1000000'), toLsn: wrong.middle },
    { timeline: 2, fromLsn: toLsn('0/3000000'), toLsn: toLsn('0/5000000') },
  ];
  const asked: string[] = [];

  const read = await behind({
    path: { runs, broken: false },
    readWal: async (name) => {
      asked.push(name);
      // The new timeline's first segment holds what the old one had of it.
      const old = segmentNameAt(1, segmentPlaceOf(name), SEGMENT_BYTES);
      return archive.walArchive.read({ ...inventoryRequest(), name: old });
    },
  });

  expect(read).toMatchObject({ whole: true, reading: { earlier: 11, later: 7 } });
  expect(asked).toEqual([
    '000000010000000000000003',
    '000000020000000000000003',
    '000000020000000000000004',
    '000000020000000000000005',
  ]);
});

function segmentPlaceOf(name: string): Lsn {
  if (!isSegmentName(name)) throw new TypeError(name);
  return segmentPlace(name, SEGMENT_BYTES).beginLsn;
}

test('a log that cannot be read is told of, and ends no restore unless it was cancelled', async () => {
  const damaged = new Problem(WAL_DAMAGED, 'Cannot read the stored WAL: a byte was flipped');
  const run = testRun();
  async function readWal(): Promise<never> {
    throw damaged;
  }

  expect(await behind({ readWal })).toEqual({ outcome: 'unread', why: damaged.message });
  run.controller.abort(new Error('cancelled'));
  await expect(behind({ readWal, signal: run.signal })).rejects.toThrow('cancelled');
});

test('warns with the plan of a time, and of nothing else, when the clocks differ', async () => {
  const finding = { code: 'CLOCK_DIFFERS', summary: 'The clock of this machine is 1 h ahead' };
  const findings = {
    list: async () => [finding],
    open: async () => false,
    close: async () => false,
  };
  const operation = restoreOperation({ ...deps, catalog: { ...deps.catalog, findings } });
  const run = testRun();
  async function warnings(to: string): Promise<readonly string[]> {
    const { plan } = await operation.prepare(operation.input.parse({ server: 'shop', to }), run);
    return plan.warnings;
  }

  expect((await warnings(target.toString()))[0]).toBe(
    "The clock of this machine is 1 h ahead. The target is found by the times in the log, which are the server's.",
  );
  expect(await warnings('latest')).toEqual([]);
});

test('says that a restored copy holds a prepared transaction, and how to end it there', async () => {
  const copy = await restore('latest');
  const told = copy.warnings.find((one) => one.includes('prepared transaction')) ?? '';

  expect(told).toMatch(
    /^The copy holds a prepared transaction, as production did then: "left open" in database postgres of role postgres, prepared \d/,
  );
  expect(await rowsIn(copy)).not.toHaveProperty('prepared');
  const [sql = ''] = /ROLLBACK PREPARED '[^']+'/.exec(told) ?? [];
  await using session = await deps.connect(copy.instance.url, { signal: testRun().signal });
  await session.query(sql);
  expect(await session.query('SELECT gid FROM pg_prepared_xacts')).toEqual([]);
});

test('with the right times, the same moment is passed once and nothing is warned of', async () => {
  await setClockAhead(0);

  const copy = await restore(target.toString());

  expect(await rowsIn(copy)).toEqual({
    before: 5,
    'while the clock was ahead': 7,
    'after it was set': 11,
  });
  expect(copy.otherReading).toBeNull();
  expect(copy.warnings.filter((one) => !one.includes('prepared transaction'))).toEqual([]);
  expect(copy.verification).toContain('no transaction is earlier than the target');
});
