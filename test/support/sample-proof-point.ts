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
    catalogues: {
      reading: 1,
      databases: [
        {
          database: 'shop',
          objects: {
            words: ['', 'text not null'],
            groups: [
              ['table', '', [['customers', '6f1ed002ab559585', 0]]],
              [
                'column',
                'customers',
                [
                  ['id', '12f1a2c5d7d2a6a4', 1],
                  ['name', 'bd7a4bb0cd1c9ef1', 1],
                ],
              ],
            ],
          },
          shared: { words: [''], groups: [['role', '', [['clerk', '3c59dc048e885024', 0]]]] },
          sequencesBefore: {
            fromLsn: toLsn('0/28'),
            toLsn: toLsn('0/28'),
            sequences: [['customers_id_seq', '12', '1', '16404', true, false]],
          },
          failures: [],
        },
      ],
    },
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
