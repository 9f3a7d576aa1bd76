/** A restored copy of which only the sessions are there: whoever enters it gets what `open` gives. */
import { toLsn } from '../../src/kernel/lsn.ts';
import type { Session, SqlValue } from '../../src/postgres/session.ts';
import type { CopyContext } from '../../src/verification/copy-checks.ts';
import { fakeClock } from './fake-clock.ts';

export function copyContext(open: (url: string) => Session): CopyContext {
  return {
    restored: {
      superuser: 'postgres',
      database: 'shop',
      how: 'target',
      reached: { lsn: toLsn('0/5000000'), at: null },
      cluster: {
        url: (database, user) => `postgres:///${database}?host=/s&user=${user}`,
        stop: () => Promise.resolve(),
      },
      place: { socketFolder: '/s', dataDirectory: '/s/data' },
    },
    recovery: { connect: async (url) => Promise.resolve(open(url)), scratch: { user: undefined } },
    clock: fakeClock(),
    signal: new AbortController().signal,
  };
}

/** Answers each statement with what `answer` makes of it. */
export function talkingSession(
  answer: (sql: string, values: readonly SqlValue[]) => readonly object[],
): Session {
  return {
    query: async <Row extends object>(sql: string, values: readonly SqlValue[] = []) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test knows its rows
      Promise.resolve(answer(sql, values) as readonly Row[]),
    copyOut: () => {
      throw new Error('Nothing is copied');
    },
    copyIn: () => Promise.reject(new Error('Nothing is copied')),
    transaction: async (_begin, work) => work(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
