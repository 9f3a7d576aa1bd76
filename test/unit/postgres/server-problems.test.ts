import { expect, test } from 'vitest';

import { connectProblem, queryProblem } from '../../../src/postgres/server-problems.ts';

const CONTEXT = { place: 'shop at db:5432', user: 'dbdr', replication: true };

test.each([
  {
    code: '28000',
    message: 'no pg_hba.conf entry for replication connection from host "10.0.0.5", user "dbdr"',
    expected: 'POSTGRES_NO_REPLICATION_RIGHT',
    hint: '`host replication dbdr 10.0.0.5/32 scram-sha-256`',
  },
  {
    code: '28000',
    message: 'no pg_hba.conf entry for replication connection from host "fd00::5", user "dbdr"',
    expected: 'POSTGRES_NO_REPLICATION_RIGHT',
    hint: '`host replication dbdr fd00::5/128 scram-sha-256`',
  },
  {
    code: '42501',
    message: 'must be superuser or replication role to start walsender',
    expected: 'POSTGRES_NO_REPLICATION_RIGHT',
    hint: '`ALTER ROLE "dbdr" REPLICATION;`',
  },
  {
    code: '53300',
    message: 'number of requested standby connections exceeds max_wal_senders (currently 1)',
    expected: 'POSTGRES_NO_WAL_SENDER',
    hint: '`max_wal_senders`',
  },
  {
    code: '53300',
    message: 'sorry, too many clients already',
    expected: 'POSTGRES_NO_FREE_CONNECTION',
    hint: '`max_connections`',
  },
  {
    code: '28P01',
    message: 'password authentication failed for user "dbdr"',
    expected: 'POSTGRES_REFUSED',
    hint: 'password',
  },
  {
    code: 'ECONNREFUSED',
    message: 'connect ECONNREFUSED 127.0.0.1:1',
    expected: 'POSTGRES_UNREACHABLE',
    hint: 'host and port',
  },
  {
    code: '57P03',
    message: 'the database system is starting up',
    expected: 'POSTGRES_UNREACHABLE',
    hint: 'server runs',
  },
])('connectProblem() says $expected for "$message"', ({ code, message, expected, hint }) => {
  const problem = connectProblem(Object.assign(new Error(message), { code }), CONTEXT);

  expect(problem.kind.code).toBe(expected);
  expect(problem.hint).toContain(hint);
  expect(problem.message).toContain(message);
});

test.each([
  ['57014', 'POSTGRES_QUERY_TOO_SLOW'],
  ['42501', 'POSTGRES_PERMISSION_MISSING'],
  ['55006', 'POSTGRES_SLOT_TAKEN'],
  ['57P01', 'POSTGRES_CONNECTION_LOST'],
  ['23505', 'POSTGRES_QUERY_FAILED'],
])('queryProblem() reads SQLSTATE %s as %s', (code, expected) => {
  const problem = queryProblem({ code, message: 'what happened' }, 'run a statement');

  expect(problem.kind.code).toBe(expected);
  expect(problem.message).toBe('Cannot run a statement: what happened');
});

test('queryProblem() sees that the connection has gone', () => {
  const problem = queryProblem(new Error('Connection terminated unexpectedly'), 'run a statement');

  expect(problem.kind.code).toBe('POSTGRES_CONNECTION_LOST');
});

test.each([
  ['28000', 'role "dbdr" does not exist', 'CREATE ROLE "dbdr" LOGIN REPLICATION'],
  [
    '28000',
    'no pg_hba.conf entry for host "10.0.0.5", user "dbdr", database "shop", no encryption',
    '`host shop dbdr 10.0.0.5/32 scram-sha-256`',
  ],
  ['28P01', 'password authentication failed for user "dbdr"', '%40'],
  ['3D000', 'database "shpo" does not exist', 'SELECT datname FROM pg_database;'],
])('connectProblem() says what to run for %s, %s', (code, message, hint) => {
  const context = { ...CONTEXT, replication: false };

  const problem = connectProblem(Object.assign(new Error(message), { code }), context);

  expect(problem.kind.code).toBe('POSTGRES_REFUSED');
  expect(problem.hint).toContain(hint);
});
