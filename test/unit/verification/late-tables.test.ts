/** What the time of proofs did not reach: counted over proofs, and at last no PASS any more. */
import { describe, expect, test } from 'vitest';

import type { RunRecord } from '../../../src/catalog/runs.ts';
import {
  countLate,
  judgeLate,
  LATE_PROOFS_MAX,
  readLateBefore,
} from '../../../src/verification/late-tables.ts';

type Proof = Pick<RunRecord, 'endedAt' | 'result'>;

function proof(
  day: number,
  late: string[],
  more: { readonly [key: string]: boolean | null } = {},
): Proof {
  const endedAt = `2026-11-${String(day).padStart(2, '0')}T04:20:00.000000Z`;
  const result = { isNewest: true, sourceLsn: '0/300', late, ...more };
  return { endedAt, result };
}

const GOOD = { verdict: 'PASS', detail: 'equal' } as const;

describe('countLate()', () => {
  test('counts the proofs one after another that missed a table, up to the last that did not', () => {
    const counts = countLate([
      proof(21, ['shop.large', 'shop.log']),
      proof(23, ['shop.large', 'shop.log']),
      proof(22, ['shop.large']),
      proof(20, []),
      proof(19, ['shop.large']),
    ]);

    expect(counts).toEqual(
      new Map([
        ['shop.large', 3],
        ['shop.log', 1],
      ]),
    );
  });

  test('passes over proofs of older backups, those that could not ask, and answers without it', () => {
    const { endedAt } = proof(21, []);
    const counts = countLate([
      proof(23, ['shop.large']),
      proof(22, [], { isNewest: false }),
      proof(22, [], { sourceLsn: null }),
      { endedAt, result: null },
      proof(20, ['shop.large']),
    ]);

    expect(counts.get('shop.large')).toBe(2);
  });
});

describe('judgeLate()', () => {
  const before = new Map([['shop.large', LATE_PROOFS_MAX - 1]]);

  test('cannot tell of a table that seven proofs in a row did not get to', () => {
    const { verdict, detail } = judgeLate(GOOD, ['shop.large', 'shop.log'], before);

    expect(verdict).toBe('ERROR');
    expect(detail).toMatch(/^could not be told of shop\.large: .*`verification\.snapshot_seconds`/);
  });

  test('lets pass what is late for the first time, and what was read this time', () => {
    expect(judgeLate(GOOD, ['shop.log'], before)).toBe(GOOD);
    expect(judgeLate(GOOD, [], before)).toBe(GOOD);
    const fewer = new Map([['shop.large', LATE_PROOFS_MAX - 2]]);
    expect(judgeLate(GOOD, ['shop.large'], fewer)).toBe(GOOD);
  });

  test('hides nothing that is worse', () => {
    const bad = { verdict: 'FAIL', detail: 'other contents' } as const;

    expect(judgeLate(bad, ['shop.large'], before)).toBe(bad);
  });
});

test('readLateBefore() knows nothing where there is no catalogue of runs', async () => {
  expect(await readLateBefore({}, 'shop')).toEqual(new Map());
});
