/** Backups that no key opens are told as that, never as none. */
import { expect, test } from 'vitest';

import { DECRYPTION_FAILED, KEY_NOT_FOUND } from '../../../src/encryption/problems.ts';
import type { BackupListing } from '../../../src/engines/engine.ts';
import { noneReadable } from '../../../src/engines/unreadable.ts';
import { Problem, type ProblemKind } from '../../../src/kernel/problem.ts';

function listing(kind: ProblemKind, count: number): BackupListing {
  const problem = new Problem(kind, 'Cannot read it');
  const one = { key: 'k', reason: problem.message, problem };
  return { backups: [], unreadable: Array.from({ length: count }, () => one) };
}

test('noneReadable() says nothing where there is no backup at all', () => {
  expect(noneReadable({ backups: [], unreadable: [] }, 'restore', 'here')).toBeUndefined();
});

test('noneReadable() keeps the code and the hint of the key that is missing', () => {
  const problem = noneReadable(listing(KEY_NOT_FOUND, 2), 'restore "shop"', 'here');

  expect(problem?.kind.code).toBe('KEY_NOT_FOUND');
  expect(problem?.message).toBe(
    'Cannot restore "shop": 2 backups are in "here" and none can be read. The newest: Cannot read it',
  );
  expect(problem?.hint).toBe(KEY_NOT_FOUND.hint);
});

test('noneReadable() takes backups that all fail to decrypt for those of another key', () => {
  const problem = noneReadable(listing(DECRYPTION_FAILED, 1), 'restore "shop"', 'here');

  expect(problem?.message).toContain('1 backup is in "here"');
  expect(problem?.hint).toContain('Bring the key file back that it was made with');
});
