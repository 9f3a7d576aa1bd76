/** A proof point for tests that need one and do not mind what was counted. */
import type { ProofPoint, TableContent } from '../../src/engines/proof-point.ts';
import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';

export function sampleProofPoint(lsn: Lsn | string, untilLsn: Lsn | string): ProofPoint {
  return {
    databases: [
      {
        database: 'shop',
        lsn: toLsn(lsn),
        at: '2026-11-22T02:00:06.000000Z',
        tables: [
          { ...table('customers', 12), hash: '-12345678901234567890123' },
          table('orders', 30),
        ],
        leftOut: ['public.basket is unlogged'],
        missed: [],
      },
    ],
    untilLsn: toLsn(untilLsn),
  };
}

function table(name: string, rows: number): TableContent {
  return {
    schema: 'public',
    table: name,
    rows,
    hash: null,
    pages: null,
    fileNode: '16402',
    sizeBytes: 8192,
  };
}
