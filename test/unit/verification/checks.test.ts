import { describe, expect, test } from 'vitest';

import { Problem, type ProblemKind } from '../../../src/kernel/problem.ts';
import { judgeFailure, openCheckBook } from '../../../src/verification/checks.ts';
import { judgeAge } from '../../../src/verification/copy-checks.ts';
import { fakeClock } from '../../support/fake-clock.ts';

function problem(code: string): Problem {
  const kind: ProblemKind = { code, retry: 'never', hint: 'Look.', fault: 'world' };
  return new Problem(kind, 'Cannot do it');
}

describe('openCheckBook()', () => {
  test('makes a check that throws an ERROR, and the proof with it, never a PASS', async () => {
    const book = openCheckBook(fakeClock(), new AbortController().signal);

    await book.look('Good', () => Promise.resolve({ verdict: 'PASS', detail: 'fine' }));
    await book.look('Broken', () => Promise.reject(problem('POSTGRES_UNREACHABLE')));

    expect(book.verdict()).toBe('ERROR');
    expect(book.checks.at(-1)?.verdict).toBe('ERROR');
    expect(book.checks.at(-1)?.detail).toContain('POSTGRES_UNREACHABLE');
  });

  test('passes no copy that was compared at no position, however sound it is', () => {
    const book = openCheckBook(fakeClock(), new AbortController().signal);

    book.note('Restore', { verdict: 'PASS', detail: '' });
    book.note('Log position', { verdict: 'SKIPPED', detail: 'its log was thinned out' });

    expect(book.verdict()).toBe('SKIPPED');
  });

  test('lets a FAIL outweigh an ERROR: what is known to be bad is bad', async () => {
    const book = openCheckBook(fakeClock(), new AbortController().signal);

    book.note('Bad', { verdict: 'FAIL', detail: '' });
    await book.look('Broken', () => Promise.reject(new Error('no')));

    expect(book.verdict()).toBe('FAIL');
  });

  test('measures the seconds of each check', async () => {
    const clock = fakeClock();
    const book = openCheckBook(clock, new AbortController().signal);

    await book.look('Slow', async () => {
      await clock.advance(1500);
      return { verdict: 'PASS', detail: '' };
    });

    expect(book.checks).toMatchObject([{ check: 'Slow', seconds: 1.5 }]);
  });

  test('throws when the proof was cancelled: that is no verdict on anything', async () => {
    const controller = new AbortController();
    const book = openCheckBook(fakeClock(), controller.signal);
    controller.abort(problem('GATE_CANCELLED'));

    const looking = book.look('Any', () => Promise.reject(new Error('aborted')));

    await expect(looking).rejects.toThrow('Cannot do it');
    expect(book.checks).toEqual([]);
  });
});

describe('judgeFailure()', () => {
  test.each([
    'DECRYPTION_FAILED',
    'STORAGE_OBJECT_MISSING',
    'WAL_DAMAGED',
    'WAL_HOLE',
    'TARGET_NOT_REACHED',
  ])('calls %s damage: FAIL', (code) => {
    expect(judgeFailure(problem(code)).verdict).toBe('FAIL');
  });

  test.each(['CLUSTER_DISK_FULL', 'KEY_NOT_FOUND', 'STORAGE_UNREACHABLE', 'CLUSTER_NO_PROGRAM'])(
    'calls %s our own trouble: ERROR',
    (code) => {
      expect(judgeFailure(problem(code)).verdict).toBe('ERROR');
    },
  );

  test('calls a bug ERROR', () => {
    expect(judgeFailure(new TypeError('oops')).verdict).toBe('ERROR');
  });
});

describe('judgeAge()', () => {
  const now = Temporal.Instant.from('2026-11-24T04:20:00Z');
  const day = 24 * 3600;

  test('passes what is young enough, with how old it is', () => {
    const at = Temporal.Instant.from('2026-11-24T04:14:07Z');

    expect(
      judgeAge({ at, backupEndedAt: '2026-11-24T02:00:00Z', maxAgeSeconds: day, now }),
    ).toEqual({
      verdict: 'PASS',
      detail: '2026-11-24 04:14:07 UTC, 5 min 53 s before the proof began',
    });
  });

  test('fails what is a second too old', () => {
    const at = now.subtract({ seconds: day + 1 });

    expect(judgeAge({ at, backupEndedAt: at.toString(), maxAgeSeconds: day, now }).verdict).toBe(
      'FAIL',
    );
  });

  test('passes nothing that a clock dated which ran ahead: it may be of any age', () => {
    const request = { backupEndedAt: '2026-11-24T02:00:00Z', maxAgeSeconds: day, now };

    expect(judgeAge({ ...request, at: now.add({ hours: 6 }) })).toEqual({
      verdict: 'ERROR',
      detail:
        '2026-11-24 10:20:00 UTC, 6 h after the proof began: a clock was wrong, so its age cannot be told',
    });
    expect(judgeAge({ ...request, at: now.add({ minutes: 15 }) }).verdict).toBe('PASS');
  });

  test('counts from the end of the backup when nothing was replayed since', () => {
    const judged = judgeAge({
      at: null,
      backupEndedAt: '2026-11-22T04:20:00Z',
      maxAgeSeconds: day,
      now,
    });

    expect(judged.verdict).toBe('FAIL');
    expect(judged.detail).toContain('none since');
  });
});
