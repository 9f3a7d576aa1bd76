/** Answers of `verify`, as the operation gives them. */
import type { VerifyResult } from '../../src/verification/result.ts';

/** Of the newest backup, in mode exact, as the clock asked for it. */
export function sampleProof(change: Partial<VerifyResult> = {}): VerifyResult {
  return {
    runId: 'r-20261122T041500-000001',
    server: 'shop',
    store: 'west',
    backupId: '20261122T021104Z',
    which: 'the newest',
    whyStore: 'proved longest ago',
    isNewest: true,
    verdict: 'PASS',
    title: 'shop is restorable to 2026-11-22 04:19:58 UTC',
    next: 'Nothing to do.',
    mode: 'exact',
    shows: 'Exact: every count and every hash had to be equal.',
    checks: [
      {
        check: 'Restore',
        verdict: 'PASS',
        detail: 'files in 340.1 s, log in 31.9 s, from west',
        seconds: 372,
      },
      {
        check: '2 largest tables',
        verdict: 'PASS',
        detail:
          '41,236,118 rows in 2 tables equal, and the contents of 1 and a seventh of the contents of 1 by hash',
        seconds: 81.2,
      },
      { check: 'Latest transaction', verdict: 'PASS', detail: '04:14:07 UTC', seconds: 0 },
    ],
    tables: [
      {
        table: 'orders',
        sourceRows: 41_186_118,
        sourceRowsMin: 41_186_118,
        sourceRowsMax: 41_186_118,
        restoredRows: 41_186_118,
        sourceHash: '9182736455',
        restoredHash: '9182736455',
        pages: { fromPage: 1000, toPage: 2000 },
        equal: true,
        outcome: 'equal',
        reason: null,
      },
      {
        table: 'users',
        sourceRows: 50_000,
        sourceRowsMin: 50_000,
        sourceRowsMax: 50_000,
        restoredRows: 50_000,
        sourceHash: '-77',
        restoredHash: '-77',
        pages: null,
        equal: true,
        outcome: 'equal',
        reason: null,
      },
    ],
    leftOut: ['unlogged tables: sessions'],
    beganAt: '2026-11-22T04:15:00.000000Z',
    latestTransactionAt: '2026-11-22T04:19:58.000000Z',
    restoredToLsn: '5/3A91F228',
    sourceLsn: '5/3A91F228',
    rpoSeconds: 2,
    rtoSeconds: 372,
    rpoObjectiveSeconds: 300,
    rtoObjectiveSeconds: 1800,
    nextProofAt: '2026-11-23T04:00:00.000000Z',
    tornDown: true,
    seconds: 480.5,
    ...change,
  };
}

/** One row of `orders` is missing in the copy. */
export function sampleFailedProof(): VerifyResult {
  const { checks, tables, ...proof } = sampleProof();
  return {
    ...proof,
    verdict: 'FAIL',
    title: 'shop could NOT be proved restorable',
    next: 'The last good proof stands, of 2026-11-21 04:19:58 UTC. Take a base backup now with `backup shop`.',
    checks: checks.map((check) =>
      check.check === '2 largest tables'
        ? {
            ...check,
            verdict: 'FAIL',
            detail: 'orders has 41,186,117 rows, production has 41,186,118',
          }
        : check,
    ),
    tables: tables.map((table) =>
      table.table === 'orders'
        ? {
            ...table,
            restoredRows: 41_186_117,
            restoredHash: '9182736454',
            equal: false,
            outcome: 'different',
            reason: 'the counts differ',
          }
        : table,
    ),
  };
}
