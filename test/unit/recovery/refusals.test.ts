/** Tests of what people are told when a target cannot be had. */
import { expect, test } from 'vitest';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { requireBase, requireTarget } from '../../../src/recovery/refusals.ts';
import { readTarget, type Target } from '../../../src/recovery/target.ts';

const READER = { zone: 'Europe/Berlin', now: Temporal.Instant.from('2026-11-22T14:57:00Z') };
const TARGET: Target = { kind: 'time', asked: '14:46', at: '2026-11-01T00:00:00.000000Z' };

function refusal(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

function ask(words: string): Problem {
  return refusal(() => requireTarget(words, readTarget(words, READER), READER));
}

test('requireTarget() gives both readings of a moment that happened twice', () => {
  const problem = ask('2026-10-25 02:30');

  expect(problem.kind.code).toBe('DST_AMBIGUOUS');
  expect(problem.message).toBe(
    '"2026-10-25 02:30" happened twice in Berlin: 2026-10-25 00:30:00 UTC and 2026-10-25 01:30:00 UTC',
  );
  expect(problem.hint).toBe('Say which: --to 2026-10-25T00:30Z or --to 2026-10-25T01:30Z.');
});

test('requireTarget() says that a moment never happened', () => {
  expect(ask('2026-03-29 02:30').message).toContain('never happened in Berlin');
});

test('requireTarget() refuses the future and the unreadable', () => {
  expect(ask('2026-11-23 02:30').kind.code).toBe('TARGET_IN_FUTURE');
  expect(ask('soon').kind.code).toBe('TARGET_UNREADABLE');
});

test('requireBase() names the earliest moment that works', () => {
  const problem = refusal(() =>
    requireBase(
      {
        outcome: 'target too early',
        earliest: Temporal.Instant.from('2026-11-08T01:12:44Z'),
        lsn: toLsn('0/3000000'),
      },
      { server: 'orders', target: TARGET },
      READER,
    ),
  );

  expect(problem.message).toBe(
    'Cannot recover "orders" to 2026-11-01 00:00:00 UTC (01:00:00 Berlin): the earliest base backup ended at 2026-11-08 01:12:44 UTC (02:12:44 Berlin)',
  );
  expect(problem.hint).toBe('The earliest is `--to 2026-11-08T01:12:44Z`.');
});

test('requireBase() names up to where WAL is stored', () => {
  const problem = refusal(() =>
    requireBase(
      {
        outcome: 'after last wal',
        at: Temporal.Instant.from('2026-11-22T14:51:58Z'),
        lsn: toLsn('0/3000000'),
      },
      { server: 'shop', target: TARGET },
      { ...READER, zone: 'UTC' },
    ),
  );

  expect(problem.message).toContain('WAL is stored up to 2026-11-22 14:51:58 UTC');
});

test('requireBase() sends whoever has no backup to `backup`', () => {
  const problem = refusal(() =>
    requireBase({ outcome: 'no backups' }, { server: 'shop', target: TARGET }, READER),
  );

  expect(problem.hint).toContain('`backup`');
});
