/** What the commonest answers look like. */
import { describe, expect, test } from 'vitest';

import { viewOf } from '../../../src/cli/views.ts';

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

    const text = viewOf('status', { servers: [server] }, READER);

    expect(text).toContain('shop is restorable to 2026-11-22 14:59:58 UTC (just now)');
    expect(text).toContain('Last proof        none yet');
    expect(text).toContain('Now: WAL is late\n  Look at `wal`.');
  });

  test('puts the verdict of a proof first', () => {
    const proof = {
      title: 'shop is restorable',
      backupId: '20261122T010000Z',
      store: 'west',
      verdict: 'PASS',
      checks: [{ check: 'Restore', verdict: 'PASS', detail: 'in 4 s' }],
      rpoSeconds: 1,
      rtoSeconds: 4,
    };

    const text = viewOf('verify', proof, READER);
    expect(text).toMatch(/^PASS: shop is restorable\n/);
    expect(text).toContain('Backup 20261122T010000Z in west.');
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
