/** Tests of telling why a restore failed. */
import { expect, test } from 'vitest';

import { CLUSTER_NOT_STARTED } from '../../../../src/clusters/problems.ts';
import { isProblem, Problem } from '../../../../src/kernel/problem.ts';
import { explainWith, librariesIn } from '../../../../src/recovery/point-in-time/failures.ts';
import { TARGET_NOT_REACHED } from '../../../../src/recovery/problems.ts';
import { judgeFailure } from '../../../../src/verification/checks.ts';

function around(log: string, libraries: readonly string[] = [], isRunning = false) {
  return { log, directory: '/d', libraries, isRunning };
}

const NOT_REACHED = new Problem(TARGET_NOT_REACHED, 'ended by itself');
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

const STARTED = '[9] LOG:  starting PostgreSQL 15.8';
const ENDED = '[9] LOG:  database system is shut down';

test.each([
  ['SIGKILL', '[9] LOG:  startup process (PID 10) was terminated by signal 9: Killed'],
  ['SIGKILL of a session', '[9] LOG:  server process (PID 12) was terminated by signal 9: Killed'],
  ['SIGTERM', '[9] LOG:  checkpointer process (PID 11) was terminated by signal 15: Terminated'],
  ['a silent end', '[9] LOG:  startup process (PID 10) exited with exit code 1'],
  ['a shutdown', '[9] LOG:  received fast shutdown request'],
  [
    'a killed restore command',
    `[10] FATAL:  could not restore file "0000" from archive: child process was terminated by signal 9: Killed
[9] LOG:  startup process (PID 10) exited with exit code 1`,
  ],
])('explainWith() does not hold %s from outside against the backup', (_, line) => {
  const log = [STARTED, line, ENDED].join('\n');

  for (const failure of [NOT_STARTED, NOT_REACHED]) {
    const told = explainWith(failure, around(log));

    expect(told).toMatchObject({ kind: { code: 'CLUSTER_KILLED' } });
    expect(judgeFailure(told).verdict).toBe('ERROR');
  }
});

test('explainWith() sees in what is not written that the postmaster was killed', () => {
  const orphaned = '[12] FATAL:  terminating connection due to unexpected postmaster exit';
  const killed = around([STARTED, orphaned].join('\n'));

  expect(explainWith(NOT_REACHED, killed)).toMatchObject({ kind: { code: 'CLUSTER_KILLED' } });
  // It stands where it cannot read on, or it ended in order: both may come of damage.
  expect(explainWith(NOT_REACHED, { ...killed, isRunning: true })).toBe(NOT_REACHED);
  expect(explainWith(NOT_REACHED, around([STARTED, ENDED].join('\n')))).toBe(NOT_REACHED);
  expect(explainWith(NOT_REACHED, around(''))).toBe(NOT_REACHED);
});

test.each([
  ['crashes', '[9] LOG:  startup process (PID 10) was terminated by signal 11: Segmentation fault'],
  [
    'panics',
    '[10] PANIC:  WAL contains references to invalid pages\n[9] LOG:  startup process (PID 10) was terminated by signal 6: Aborted',
  ],
  [
    'gives up',
    '[10] FATAL:  invalid memory alloc request size 4294967293\n[9] LOG:  startup process (PID 10) exited with exit code 1',
  ],
])(
  'explainWith() leaves it to the backup when PostgreSQL %s, whoever is killed after that',
  (_, end) => {
    const killed = '[9] LOG:  server process (PID 12) was terminated by signal 9: Killed';
    const log = [STARTED, end, killed, '[9] LOG:  received immediate shutdown request'].join('\n');

    const told = explainWith(NOT_REACHED, around(log));

    expect(told).toBe(NOT_REACHED);
    expect(judgeFailure(told).verdict).toBe('FAIL');
    expect(isProblem(explainWith(NOT_STARTED, around(log)), CLUSTER_NOT_STARTED)).toBe(false);
  },
);

test.each([
  '[9] FATAL:  could not map anonymous shared memory: Cannot allocate memory',
  '[10] FATAL:  out of memory',
  '[10] FATAL:  could not resize shared memory segment "/PostgreSQL.1" to 1048576 bytes: No space left on device',
  '[9] LOG:  could not fork startup process: Resource temporarily unavailable',
])('explainWith() tells lack of memory: %s', (line) => {
  const told = explainWith(NOT_STARTED, around([STARTED, line, ENDED].join('\n')));

  expect(told).toMatchObject({ kind: { code: 'CLUSTER_NO_MEMORY' } });
  expect(String(told)).toContain(line.replace(/^.*: {2}/, ''));
  expect(judgeFailure(told).verdict).toBe('ERROR');
});

test('explainWith() does not take the length of a record that is none for lack of memory', () => {
  const line = '[10] LOG:  out of memory while trying to decode a record of length 1515870810';

  expect(explainWith(NOT_REACHED, around(line, [], true))).toBe(NOT_REACHED);
});
