/** What the commonest answers look like. */
import { describe, expect, test } from 'vitest';

import { viewOf } from '../../../src/cli/views.ts';
import { sampleProof } from '../../support/proof-samples.ts';

const READER = { zone: 'UTC', now: Temporal.Instant.from('2026-11-22T15:00:00Z') };

describe('viewOf()', () => {
  test('opens a status with what the server can be restored to', () => {
    const server = {
      server: 'shop',
      lastBackupAt: '2026-11-22T14:00:00.000000Z',
      lastVerifiedAt: null,
      recoverableFrom: '2026-11-22T14:00:00.000000Z',
      recoverableTo: '2026-11-22T14:59:58.000000Z',
      rpoSeconds: 2,
      rtoSeconds: null,
      findings: [{ severity: 'page', summary: 'WAL is late', hint: 'Look at `wal`.' }],
    };

    const beside = { severity: 'page', summary: 'A service is down', hint: 'Look at the log.' };

    const text = viewOf('status', { servers: [server], findings: [beside] }, READER);

    expect(text).toContain('shop is restorable to 2026-11-22 14:59:58 UTC (just now)');
    expect(text).toContain('Last proof        none yet');
    expect(text).toContain('Now: WAL is late\n  Look at `wal`.');
    expect(text.endsWith('\n\nNow: A service is down\n  Look at the log.')).toBe(true);
  });

  test('puts the verdict of a proof first, then its checks, every table, and what was measured', () => {
    expect(
      viewOf('verify', sampleProof({ which: 'as asked', whyStore: 'its only store' }), READER),
    ).toBe(`PASS: shop is restorable to 2026-11-22 04:19:58 UTC

Backup 20261122T021104Z (as asked) was restored from west (its only store) in 6 min 12 s and compared with production at log position 5/3A91F228.

Check               Verdict  Result
Restore             PASS     files in 340.1 s, log in 31.9 s, from west, 6 min 12 s
2 largest tables    PASS     41,236,118 rows in 2 tables equal, and the contents of 1 and a seventh of the contents of 1 by hash, 1 min 21 s
Latest transaction  PASS     04:14:07 UTC
Scratch cluster     done     removed

Table   Production  Copy        Contents
orders  41,186,118  41,186,118  equal, pages 1000 to 2000: 9182736455
users   50,000      50,000      equal: -77

Data at risk now: 2.0 s (objective 5 min). Time to restore: 6 min 12 s (objective 30 min). Next proof tomorrow 04:00 UTC.
Exact: every count and every hash had to be equal.
All of it: npx dbdr runs --run r-20261122T041500-000001
Nothing to do.`);
  });

  test('opens a restored copy with what may make it another than was asked for', () => {
    const text = viewOf(
      'restore',
      {
        server: 'shop',
        instance: { url: 'postgres:///shop', directory: '/srv/copy', expiresAt: null },
        reachedLsn: '5/30000000',
        reachedAt: '2026-11-22T09:59:58.000000Z',
        verification: 'The copy stood paused.',
        warnings: ['This copy may not be the moment that you mean.'],
      },
      READER,
    );

    expect(text?.split('\n').slice(0, 3)).toEqual([
      'The copy of shop is ready',
      expect.stringMatching(/^Note +This copy may not be the moment that you mean\.$/),
      expect.stringMatching(/^Reached +log position 5\/30000000/),
    ]);
  });

  test('opens a usage with what each store holds and costs', () => {
    const store = {
      store: 'west',
      description: 's3://bucket/shop/',
      storedBytes: 4e10,
      objects: 3,
      kinds: [{ kind: 'base', objects: 3, storedBytes: 4e10 }],
      noncurrent: { objects: 0, storedBytes: 0 },
      incompleteUploads: { uploads: 0, storedBytes: 0 },
      servers: [],
      classes: [{ storageClass: 'STANDARD', storedBytes: 4e10, monthlyCost: 0.92 }],
      monthlyCost: 0.92,
      unpricedBytes: 0,
      pricesAsOf: '2026-11-01',
      requests: null,
    };
    const usage = {
      at: '2026-11-22T15:00:00.000000Z',
      prices: { asOf: '2026-11-01', currency: 'USD' },
      stores: [store],
      unreachable: [],
      monthlyCost: 0.92,
      warnings: [],
    };

    expect(
      viewOf('usage', usage, READER)
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['west holds 40.0 GB'],
      ['A month', '0.92 USD at prices of 2026-11-01'],
      ['Base backups', '40.0 GB in 3 objects'],
      ['Where', 's3://bucket/shop/'],
    ]);
  });

  test('falls back to labels and values for a document it does not know', () => {
    expect(viewOf('status', { odd: true }, READER)).toBe('Odd       yes');
    expect(viewOf('unheard-of', { odd: true }, READER)).toBe('Odd       yes');
  });
});
