/** Tests of telling why a restore failed. */
import { expect, test } from 'vitest';

import { CLUSTER_NOT_STARTED } from '../../../../src/clusters/problems.ts';
import { Problem } from '../../../../src/kernel/problem.ts';
import { explainWith, librariesIn } from '../../../../src/recovery/point-in-time/failures.ts';

function around(log: string, libraries: readonly string[] = []) {
  return { log, directory: '/d', libraries };
}

const NOT_STARTED = new Problem(CLUSTER_NOT_STARTED, 'ended by itself');

test('explainWith() finds a full disk however deep it is wrapped', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  const wrapped = new Error('outer', { cause: new Error('inner', { cause: full }) });

  expect(explainWith(wrapped, around(''))).toMatchObject({ kind: { code: 'CLUSTER_DISK_FULL' } });
});

test('explainWith() finds a full disk in the words of PostgreSQL', () => {
  const log = 'PANIC:  could not write to file: No space left on device';

  expect(explainWith(NOT_STARTED, around(log))).toMatchObject({
    kind: { code: 'CLUSTER_DISK_FULL' },
  });
});

test('explainWith() shows the lines that tell, not the whole log', () => {
  const log = 'LOG:  one\nFATAL:  this is it\nLOG:  two';

  expect(explainWith(NOT_STARTED, around(log))).toMatchObject({
    kind: { code: 'RECOVERY_FAILED' },
    message: 'Cannot replay the restored copy: FATAL:  this is it',
  });
});

test('explainWith() leaves what it does not know as it is', () => {
  const bug = new TypeError('bug');

  expect(explainWith(bug, around('FATAL: x'))).toBe(bug);
});

test('explainWith() names what production loads when the log holds records of an extension', () => {
  const log = `FATAL:  resource manager with ID 128 not registered
CONTEXT:  WAL redo at 0/3000118 for custom128/UNKNOWN (0)`;

  const told = explainWith(NOT_STARTED, around(log, ['columns', 'pg_cron']));

  expect(told).toMatchObject({
    kind: { code: 'RECOVERY_LIBRARY_MISSING' },
    facts: { lsn: '0/3000118', libraries: 'columns, pg_cron' },
  });
  expect(String(told)).toContain('production loads "columns", "pg_cron"');
  expect(String(explainWith(NOT_STARTED, around(log)))).toContain('SHOW shared_preload_libraries');
});

test('librariesIn() takes the last setting that is not a comment', () => {
  const settings = `#shared_preload_libraries = 'not_me'
shared_preload_libraries = 'old'
shared_preload_libraries = 'pg_cron, "columns"' # two
`;

  expect(librariesIn(settings)).toEqual(['pg_cron', 'columns']);
  expect(librariesIn("#shared_preload_libraries = ''")).toEqual([]);
});
