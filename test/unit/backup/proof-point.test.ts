/** A backup's proof point: what its result says of it, and that it can be reached before it is believed. */
import { expect, test } from 'vitest';
import type { TakenProofPoint } from '../../../src/backup/deps.ts';
import { askForProofPoint, type ProofPointTold } from '../../../src/backup/proof-point.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../../src/engines/engine.ts';
import type { ProofPoint } from '../../../src/engines/proof-point.ts';
import type { WalRun } from '../../../src/engines/wal-archive.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { sampleBackup } from '../../support/sample-backup.ts';
import { sampleProofPoint } from '../../support/sample-proof-point.ts';
import { testRun } from '../../support/test-run.ts';

const SUMMARY = sampleBackup();
const PROOF_POINT = sampleProofPoint('0/2000180', '0/2000200');
const TAKEN: TakenProofPoint = { outcome: 'taken', proofPoint: PROOF_POINT };
const WHOLE = { timeline: 1, fromLsn: toLsn('0/2000000'), toLsn: toLsn('0/2000200') };

interface Scene {
  readonly take?: (() => Promise<TakenProofPoint>) | undefined;
  readonly runs?: readonly WalRun[];
  /** As configured. */
  readonly seconds?: number;
}

interface Seen {
  readonly answer: ProofPoint | undefined;
  readonly told: ProofPointTold;
  readonly toldOf: (summary: BackupSummary) => ProofPointTold;
  readonly warnings: readonly string[];
  readonly waited: readonly string[];
  readonly steps: readonly string[];
}

async function ask({ take = async () => TAKEN, runs = [WHOLE], seconds }: Scene): Promise<Seen> {
  const waited: string[] = [];
  const run = testRun();
  const nothing = { missing: [], histories: [], segments: 1, storedBytes: 1 };
  const asking = askForProofPoint(
    {
      takeProofPoint: take,
      clock: fakeClock(),
      ring: keyRing(new Map([['k1', Buffer.alloc(32)]])),
      walArchive: {
        inventory: async () => ({ runs: waited.length === 0 ? [] : runs, ...nothing }),
        read: async () => undefined,
      },
    },
    {
      server: { verification: { proof_point_seconds: seconds } },
      store: { name: 'here', store: memoryStore() },
      untilStored: async (lsn) => {
        waited.push(lsn);
      },
    },
    run,
  );
  const answer = await asking.take?.({ summary: SUMMARY, signal: run.signal });
  const summary: BackupSummary =
    answer === undefined ? SUMMARY : { ...SUMMARY, proofLsn: answer.untilLsn };
  return {
    answer,
    told: asking.told(summary),
    toldOf: (one) => asking.told(one),
    warnings: asking.warnings(summary),
    waited,
    steps: run.steps,
  };
}

test('askForProofPoint() tells what was counted, once the log of it is stored', async () => {
  const { answer, told, waited, steps } = await ask({});

  expect(answer).toBe(PROOF_POINT);
  expect(told).toEqual({
    proofPoint: { tables: 2, rows: 42, hashed: 1, seconds: 0 },
    withoutProofPoint: null,
  });
  expect(waited).toEqual(['0/2000200']);
  expect(steps).toEqual(['Count and hash what a copy must hold']);
});

test('askForProofPoint() tells why there is none, and that fails nothing', async () => {
  const why = 'no usable snapshot in ten';

  const none = await ask({ take: async () => ({ outcome: 'none', why }) });
  const failed = await ask({ take: async () => Promise.reject(new Error(why)) });

  for (const { answer, told, warnings } of [none, failed]) {
    expect(answer).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining(`can tell what it must hold: ${why}`)]);
    expect(told).toEqual({ proofPoint: null, withoutProofPoint: why });
  }
});

test('askForProofPoint() asks nobody where it is switched off, and that is no warning', async () => {
  const { answer, told, warnings, steps } = await ask({ seconds: 0 });

  expect([answer, warnings, steps]).toEqual([undefined, [], []]);
  expect(told.withoutProofPoint).toMatch(/^it is switched off/);
});

test('askForProofPoint() believes no proof point whose log has a hole or went on along another timeline', async () => {
  const beginning = { ...WHOLE, toLsn: toLsn('0/2000180') };
  const elsewhere = { timeline: 2, fromLsn: toLsn('0/2000180'), toLsn: toLsn('0/3000000') };
  const behind = { ...WHOLE, fromLsn: toLsn('0/2000190') };

  for (const rest of [[], [elsewhere], [behind]]) {
    const { answer, told } = await ask({ runs: [beginning, ...rest] });
    expect(answer).toBeUndefined();
    expect(told.withoutProofPoint).toBe(
      'the store "here" lacks WAL of timeline 1 before 0/2000200',
    );
  }
});

test('askForProofPoint() lets an abort through', async () => {
  const run = testRun();
  const asking = askForProofPoint(
    {
      takeProofPoint: async () => {
        run.controller.abort(new Error('stopped'));
        throw new Error('some other words');
      },
      clock: fakeClock(),
      ring: keyRing(new Map([['k1', Buffer.alloc(32)]])),
      walArchive: { inventory: neverCalled, read: neverCalled },
    },
    { server: {}, store: { name: 'here', store: memoryStore() }, untilStored: neverCalled },
    run,
  );

  const taking = asking.take?.({ summary: SUMMARY, signal: run.signal });

  await expect(taking).rejects.toThrow('stopped');
});

async function neverCalled(): Promise<never> {
  throw new Error('It was asked for after the abort');
}

test('askForProofPoint() tells when the engine did not believe what was taken', async () => {
  const { toldOf } = await ask({});

  expect(toldOf(SUMMARY)).toEqual({
    proofPoint: null,
    withoutProofPoint: 'what was taken does not lie behind the end of the backup',
  });
});
