/**
 * A copy that can get nowhere says so in bounded time. A transaction with more than 64 subtransactions that
 * runs over the checkpoint where replay begins keeps everybody out of it: that is no damage.
 */
import { readdir } from 'node:fs/promises';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { planScratchPlace } from '../../src/clusters/place.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { cutLog } from '../../src/recovery/point-in-time/cut-log.ts';
import { restoreToScratch, type ScratchRestore } from '../../src/recovery/point-in-time/restore.ts';
import type { Target } from '../../src/recovery/target.ts';
import { judgeFailure } from '../../src/verification/checks.ts';
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

/** More than a list in the log can name: PGPROC_MAX_CACHED_SUBXIDS is 64 (storage/proc.h). */
const SUBTRANSACTIONS = 70;
/** Nothing that is refused takes longer, on a slow machine either. */
const BOUNDED_MS = 40_000;

let setting: RecoverySetting;
let server: TestPostgres;
let archive: FolderArchive;
let deps: TestRecovery;
/** Taken before the job began, and while it ran. */
let before: BackupSummary;
let during: BackupSummary;
/** While the job ran, behind another checkpoint; and a commit later. */
let inside: Lsn;
let insideEnd: Lsn;
/** When the job had ended. */
let after: Lsn;
let rowsAfter: number;
/** Where the last record begins and ends. */
let beforeMessage: Lsn;
let end: Lsn;
let run: TestRun;
let restored: ScratchRestore | undefined;

beforeAll(async () => {
  setting = await openRecoverySetting();
  ({ server, archive, deps } = setting);
  await server.query('CREATE TABLE beat (id bigserial PRIMARY KEY)');
  before = await archive.backup();
  await runJob(async () => {
    during = await archive.backup();
    await server.query('CHECKPOINT');
    await insert();
    inside = await endOfLog();
    await insert();
    insideEnd = await endOfLog();
  });
  await server.query('CHECKPOINT');
  await insert();
  after = await endOfLog();
  const [row] = await server.query('SELECT count(*)::int AS n FROM beat');
  rowsAfter = Number(row?.['n']);
  await insert();
  beforeMessage = await endOfLog();
  await server.query(`SELECT pg_logical_emit_message(false, 'test', repeat('x', 50))`);
  end = await endOfLog();
  await archive.caughtUp();
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

/** A job of the night whose parts may fail one by one. */
async function runJob(meanwhile: () => Promise<void>): Promise<void> {
  await using job = await deps.connect(server.url(), { signal: forever() });
  await job.query('BEGIN');
  for (let times = 0; times < SUBTRANSACTIONS; times += 1) {
    await job.query(`SAVEPOINT part_${times}`);
    await job.query('INSERT INTO beat DEFAULT VALUES');
  }
  await meanwhile();
  await job.query('COMMIT');
}

function forever(): AbortSignal {
  return new AbortController().signal;
}

async function insert(): Promise<void> {
  await server.query('INSERT INTO beat DEFAULT VALUES');
}

async function endOfLog(): Promise<Lsn> {
  const [row] = await server.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  return toLsn(String(row?.['lsn']));
}

/** What would have been stored by then. */
function logUntil(lsn: Lsn): Pick<TestRecovery, 'walArchive'> {
  const { walArchive } = archive;
  return {
    walArchive: {
      ...walArchive,
      async inventory(request) {
        const inventory = await walArchive.inventory(request);
        return { ...inventory, runs: inventory.runs.map((one) => ({ ...one, toLsn: lsn })) };
      },
      async read(request) {
        const { name, segmentBytes } = request;
        if (!isSegmentName(name)) return walArchive.read(request);
        const held = Number(lsnBytes(lsn) - lsnBytes(segmentPlace(name, segmentBytes).beginLsn));
        if (held <= 0) return undefined;
        return (await walArchive.read(request))?.subarray(0, held);
      },
    },
  };
}

async function restore(
  base: BackupSummary,
  target: Target,
  instead: Partial<TestRecovery> = {},
): Promise<ScratchRestore> {
  const all = { ...deps, ...instead };
  const path = followWal(base, await inventoryOf(all, base));
  if (path === undefined) throw new Error('Its log is not stored');
  const request = { server: SHOP, store: storeOf(all), base, path, target };
  restored = await restoreToScratch(all, request, run);
  return restored;
}

async function failureOf(restoring: Promise<unknown>): Promise<unknown> {
  const beganMs = performance.now();
  const failure = await restoring.then(
    () => 'It was restored',
    (error: unknown) => error,
  );
  expect(performance.now() - beganMs).toBeLessThan(BOUNDED_MS);
  return failure;
}

async function expectNothingLeft(): Promise<void> {
  expect(run.claims.size).toBe(0);
  expect(await readdir(deps.scratch.path)).toEqual([]);
}

/** Of the log in the copy's own folder, what lies behind `lsn` is lost before it is started again. */
function loseLog(lsn: Lsn): Pick<TestRecovery, 'programsFor' | 'walArchive'> {
  let starts = 0;
  return {
    ...logUntil(end),
    async programsFor(...given) {
      starts += 1;
      const { dataDirectory } = planScratchPlace({ root: deps.scratch.path, name: run.id });
      if (starts === 2) await cutLog({ dataDirectory, lsn, segmentBytes: before.segmentBytes });
      return deps.programsFor(...given);
    },
  };
}

const atEnd: Target = { kind: 'time', asked: '2100-01-01', at: '2100-01-01T00:00:00.000000Z' };

test.for([
  ['a position', () => restore(during, { kind: 'lsn', asked: inside, lsn: inside })],
  [
    'the newest moment',
    () => restore(during, { kind: 'latest', asked: 'latest' }, logUntil(insideEnd)),
  ],
  ['a moment behind the end of the log', () => restore(before, atEnd, logUntil(insideEnd))],
] as const)(
  '%s inside a transaction with 70 subtransactions: could not tell, not damage',
  async ([, restoring]) => {
    const failure = await failureOf(restoring());

    expect(failure).toMatchObject({ kind: { code: 'RECOVERY_NOT_READABLE' } });
    expect(String(failure)).toContain('more than 64 subtransactions');
    expect(judgeFailure(failure).verdict).toBe('ERROR');
    await expectNothingLeft();
  },
);

test('a copy whose own log lost a record does not come back to where it stood, and says so', async () => {
  const failure = await failureOf(restore(before, atEnd, loseLog(beforeMessage)));

  expect(failure).toMatchObject({ kind: { code: 'RECOVERY_FAILED' }, facts: { stood: end } });
  expect(String(failure)).toContain(`back to ${end}, where it had stood`);
  expect(String(failure)).toContain(`invalid record length at ${beforeMessage}`);
  await expectNothingLeft();
});

test('the same backup can be restored to a position behind the end of that transaction', async () => {
  const copy = await restore(during, { kind: 'lsn', asked: after, lsn: after });

  await using session = await deps.connect(copy.url, { signal: run.signal });
  const [row] = await session.query<{ n: number }>('SELECT count(*)::int AS n FROM beat');
  expect(row?.n).toBe(rowsAfter);
});
