import { describe, expect, test } from 'vitest';

import { isProblem, Problem } from '../../../src/kernel/problem.ts';
import { storeProblem } from '../../../src/storage/file-problems.ts';
import { WRITE_REFUSED } from '../../../src/storage/problems.ts';

const DOING = { action: 'write', what: 'a/b', store: 'directory /backups' };

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('storeProblem()', () => {
  test.each([
    ['ENOSPC', 'STORAGE_FULL'],
    ['EDQUOT', 'STORAGE_FULL'],
    ['EACCES', 'STORAGE_UNREACHABLE'],
    ['ENOENT', 'STORAGE_UNREACHABLE'],
    ['EROFS', 'STORAGE_UNREACHABLE'],
    ['ELOOP', 'STORAGE_WRITE_REFUSED'],
  ])('tells %s as %s, with the object and the store', (code, kind) => {
    const problem = storeProblem(systemError(code), DOING);

    expect(isProblem(problem) && problem.kind.code).toBe(kind);
    expect(String(problem)).toMatch(/Cannot write "a\/b" in the store "directory \/backups": /);
  });

  test('lets problems and bugs pass as they are', () => {
    const problem = new Problem(WRITE_REFUSED, 'Cannot write');
    const bug = new TypeError('undefined is not a function');

    expect(storeProblem(problem, DOING)).toBe(problem);
    expect(storeProblem(bug, DOING)).toBe(bug);
  });
});
