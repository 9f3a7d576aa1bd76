/** Tests of telling why a restore failed. */
import { expect, test } from 'vitest';

import { CLUSTER_NOT_STARTED } from '../../../../src/clusters/problems.ts';
import { Problem } from '../../../../src/kernel/problem.ts';
import { explainWith } from '../../../../src/recovery/point-in-time/failures.ts';

const NOT_STARTED = new Problem(CLUSTER_NOT_STARTED, 'ended by itself');

test('explainWith() finds a full disk however deep it is wrapped', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  const wrapped = new Error('outer', { cause: new Error('inner', { cause: full }) });

  expect(explainWith(wrapped, '', '/d')).toMatchObject({ kind: { code: 'CLUSTER_DISK_FULL' } });
});

test('explainWith() finds a full disk in the words of PostgreSQL', () => {
  const log = 'PANIC:  could not write to file: No space left on device';

  expect(explainWith(NOT_STARTED, log, '/d')).toMatchObject({
    kind: { code: 'CLUSTER_DISK_FULL' },
  });
});

test('explainWith() shows the lines that tell, not the whole log', () => {
  const log = 'LOG:  one\nFATAL:  this is it\nLOG:  two';

  expect(explainWith(NOT_STARTED, log, '/d')).toMatchObject({
    kind: { code: 'RECOVERY_FAILED' },
    message: 'Cannot replay the restored copy: FATAL:  this is it',
  });
});

test('explainWith() leaves what it does not know as it is', () => {
  const bug = new TypeError('bug');

  expect(explainWith(bug, 'FATAL: x', '/d')).toBe(bug);
});
