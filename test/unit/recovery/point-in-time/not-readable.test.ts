/** Tests of what is read out of PostgreSQL's own words about a copy that nobody can read. */
import { expect, test } from 'vitest';

import { toLsn } from '../../../../src/kernel/lsn.ts';
import {
  neverReadable,
  openedUnread,
} from '../../../../src/recovery/point-in-time/not-readable.ts';

const STOPPED = 'LOG:  recovery stopping before WAL location (LSN) "0/50010F8"\n';
const OPENED = 'LOG:  database system is ready to accept connections\n';
const CONSISTENT = 'LOG:  consistent recovery state reached at 0/4000100\n';
const WAITING = 'LOG:  invalid record length at 0/50011A0: wanted 24, got 0\n';
const AGAIN = 'LOG:  waiting for WAL to become available at 0/50011B8\n'.repeat(9);
const latest = { kind: 'latest', asked: 'latest' } as const;
const stood = { kind: 'where it stood', lsn: toLsn('0/50011F8') } as const;

test('openedUnread() knows a copy that opened because nobody could have read it', () => {
  expect(openedUnread(CONSISTENT + STOPPED + OPENED)?.kind.code).toBe('RECOVERY_NOT_READABLE');
});

test.for([
  ['it had paused, and somebody let it go', `${STOPPED}LOG:  pausing at the end of recovery\n`],
  ['somebody had asked for it', `${STOPPED}LOG:  received promote request\n`],
  ['it never stopped at its target', CONSISTENT],
])('openedUnread() has nothing to say when %s', ([, log]) => {
  expect(openedUnread(log + OPENED)).toBeUndefined();
});

test('neverReadable(): consistent, at the end of its log, and closed', () => {
  for (const target of [latest, stood])
    expect(neverReadable(CONSISTENT + WAITING, target)?.kind.code).toBe('RECOVERY_NOT_READABLE');
});

test.for(['read-only connections', 'read only connections'])(
  'neverReadable() has nothing to say of a copy that is about to accept %s',
  (what) => {
    const log = `${CONSISTENT}LOG:  database system is ready to accept ${what}\n`;

    expect(neverReadable(log, latest)).toBeUndefined();
  },
);

test('neverReadable(): a copy that is not consistent lacks log that it should have', () => {
  const failure = neverReadable(WAITING + AGAIN, latest);

  expect(failure?.kind.code).toBe('TARGET_NOT_REACHED');
  expect(failure?.message).toContain('invalid record length at 0/50011A0');
});

test('neverReadable(): one that had stood somewhere does not come back to it', () => {
  const failure = neverReadable(WAITING + AGAIN, stood);

  expect(failure?.kind.code).toBe('RECOVERY_FAILED');
  expect(failure?.message).toContain('back to 0/50011F8');
  expect(failure?.message).toContain('invalid record length at 0/50011A0');
});
