/** Exit codes as the surface promises them. */
import { describe, expect, test } from 'vitest';

import { exitCodeOf, exitCodeOfRun } from '../../../src/gate/exit-code.ts';
import { problemJson } from '../../../src/gate/problem-json.ts';
import { INPUT_INVALID, LEASE_HELD, LEASE_LOST } from '../../../src/gate/problems.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { runRecord } from '../../support/run-record.ts';
import { toyOperation } from '../../support/toy-operation.ts';

describe('exitCodeOf()', () => {
  test.each([
    [new Problem(INPUT_INVALID, 'x'), 2],
    [new Problem(LEASE_HELD, 'x'), 3],
    [new Problem(LEASE_LOST, 'x'), 4],
    [new TypeError('a bug'), 4],
  ])('%s ends with %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});

describe('exitCodeOfRun()', () => {
  test.each([
    ['done', 0],
    ['waiting', 3],
    ['refused', 3],
    ['expired', 3],
    ['cancelled', 3],
    ['interrupted', 130],
    ['running', 4],
  ] as const)('a run that is %s ends with %i', (state, code) => {
    expect(exitCodeOfRun(runRecord(state), undefined)).toBe(code);
  });

  test('a failed run ends with the code of whose fault it was', () => {
    const problem = problemJson(new Problem(LEASE_HELD, 'x'));

    expect(exitCodeOfRun(runRecord('failed', { problem }), undefined)).toBe(3);
    expect(exitCodeOfRun(runRecord('failed'), undefined)).toBe(4);
  });

  test('a run that is done but not good ends as its operation says', () => {
    const verify = toyOperation('verify', 'low', { exitCode: ({ ok }) => (ok ? 0 : 1) });

    expect(exitCodeOfRun(runRecord('done', { result: { ok: false } }), verify)).toBe(1);
  });
});
