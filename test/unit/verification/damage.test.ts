/** Damage is FAIL; that we could not look is not. */
import { expect, test } from 'vitest';

import { connectProblem, queryProblem } from '../../../src/postgres/server-problems.ts';
import { isCorruption, isInability } from '../../../src/verification/damage.ts';

function failedQuery(code: string, message = 'no'): unknown {
  return queryProblem({ code, message }, 'look');
}

test('isCorruption() believes what PostgreSQL calls corrupted, and nothing else', () => {
  expect(isCorruption(failedQuery('XX001'))).toBe(true);
  expect(isCorruption(failedQuery('XX002'))).toBe(true);
  for (const code of ['57P01', '57014', '53100', '42501', '08006', 'ECONNRESET', '42883'])
    expect.soft(isCorruption(failedQuery(code)), code).toBe(false);
  expect(isCorruption(new Error('Connection terminated unexpectedly'))).toBe(false);
});

test('isInability() keeps lost connections, full disks and missing rights from being damage', () => {
  for (const code of ['57P01', '57014', '53100', '53300', '42501', '08006', 'ECONNRESET'])
    expect.soft(isInability(failedQuery(code)), code).toBe(true);
  expect(isInability(failedQuery('', 'Connection terminated unexpectedly'))).toBe(true);
  expect(isInability(new Error('anything else'))).toBe(true);
  for (const code of ['XX000', 'XX001', '58P01', '3D000'])
    expect.soft(isInability(failedQuery(code)), code).toBe(false);
});

test('isInability() takes a copy that accepts no connection for one that cannot be looked at', () => {
  const context = { place: 'postgres at /s:5432', user: 'postgres', replication: false };

  expect(isInability(connectProblem({ code: 'ECONNREFUSED', message: '' }, context))).toBe(true);
  expect(isInability(connectProblem({ code: '58P01', message: 'gone' }, context))).toBe(false);
});

test('isInability() takes a library that this machine lacks for no damage, and a lost file for damage', () => {
  const context = { place: 'shop at /s:5432', user: 'postgres', replication: false };
  const library = {
    code: '58P01',
    message: 'could not access file "anon": No such file or directory',
  };
  const file = { code: '58P01', message: 'could not open file "base/5/1259": No such file' };

  expect(isInability(connectProblem(library, context))).toBe(true);
  expect(isInability(connectProblem(file, context))).toBe(false);
  expect(isInability(failedQuery(file.code, file.message))).toBe(false);
});
