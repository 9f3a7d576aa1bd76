/** What a report says besides what was proved. */
import { describe, expect, test } from 'vitest';

import { summaryJson } from '../../../src/recovery/summary-schema.ts';
import { VerifyPlan } from '../../../src/verification/plan.ts';
import { reportOf } from '../../../src/verification/report.ts';
import type { VerifyResult } from '../../../src/verification/result.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { sampleProof } from '../../support/proof-samples.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

const BASE = sampleBackup('2026-08-31T02:00:05.900Z');

function report(plan: Partial<VerifyPlan>, result: Partial<VerifyResult> = {}): VerifyResult {
  const planned = VerifyPlan.parse({
    server: 'shop',
    store: 'west',
    base: summaryJson(BASE),
    isNewest: true,
    databases: ['shop'],
    tables: 10,
    maxAgeSeconds: 86_400,
    unreadable: [],
    ...plan,
  });
  const deps = {
    servers: {},
    recovery: { clock: fakeClock('2026-11-22T05:00:00Z') },
    nextProofAt: (_server: string, now: Temporal.Instant) => now.add({ hours: 23 }),
  };
  return reportOf(deps, planned, sampleProof(result));
}

const OLDER = { isNewest: false, which: 'kept as monthly of August 2026, never proved' };

describe('reportOf()', () => {
  test('says why this backup and this store, and when the next proof is', () => {
    expect(report({ which: 'the newest', why: 'proved longest ago' })).toMatchObject({
      title: 'shop is restorable to 2026-11-22 04:19:58 UTC',
      which: 'the newest',
      whyStore: 'proved longest ago',
      isNewest: true,
      nextProofAt: '2026-11-23T04:00:00.000000Z',
    });
  });

  test('names the command that shows its run', () => {
    const { runId, runCommand } = report({});

    expect(runCommand).toBe(`npx dbdr runs --run ${runId}`);
  });

  test('promises nothing where the config does not name the server any more', () => {
    expect(report({})).toMatchObject({ rpoObjectiveSeconds: null, rtoObjectiveSeconds: null });
  });

  test.each([
    ['PASS', /^The backup of 2026-08-31 02:00:00 UTC of shop is restorable$/, /^Nothing to do/],
    ['FAIL', /02:00:00 UTC of shop could NOT be proved restorable$/, /^Newer backups stand/],
    [
      'ERROR',
      /^It could not be told whether the backup of 2026-08-31/,
      /--backup 20260831T020000Z`/,
    ],
    ['SKIPPED', /^The backup of 2026-08-31 02:00:00 UTC of shop was not proved$/, /verify shop/],
  ] as const)('speaks of an older backup, never of the server: %s', (verdict, title, next) => {
    const said = verdict === 'PASS' ? 'Nothing to do.' : 'Run `verify shop` again.';

    const told = report(OLDER, { verdict, next: said, restoredToLsn: null });

    expect(told.title).toMatch(title);
    expect(told.next).toMatch(next);
    expect(told.isNewest).toBe(false);
  });

  test('asks nobody to try again where nothing is left to compare an older backup with', () => {
    expect(report(OLDER, { verdict: 'SKIPPED' }).next).toMatch(/^Nothing to do: .*nothing left/);
  });
});
