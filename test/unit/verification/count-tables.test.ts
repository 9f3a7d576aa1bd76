/** Tests of counting many tables over a few sessions: what is left out, with which reason, and what throws. */
import { describe, expect, test } from 'vitest';

import { Problem } from '../../../src/kernel/problem.ts';
import { CONNECTION_LOST, QUERY_FAILED } from '../../../src/postgres/problems.ts';
import type { Session } from '../../../src/postgres/session.ts';
import type { CountableTable } from '../../../src/postgres/table-content.ts';
import { type CountingRequest, countTables } from '../../../src/verification/count-tables.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const { signal } = new AbortController();

function tableOf(name: string, pages = 10): CountableTable {
  const sizeBytes = pages * 8192;
  return {
    schema: 'public',
    table: name,
    oid: '1',
    fileNode: '7',
    columns: ['id'],
    sizeBytes,
    pages,
    isHeap: true,
  };
}

type Answer = (sql: string) => readonly object[];

/** A server that answers each statement; how many of its sessions are open is counted. */
function serverOf(answer: Answer): { open(): Promise<Session>; readonly most: () => number } {
  let [now, most] = [0, 0];
  return {
    most: () => most,
    async open() {
      now += 1;
      most = Math.max(most, now);
      return {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test knows its rows
        query: async <Row extends object>(sql: string) => answer(sql) as readonly Row[],
        copyOut: unused,
        copyIn: unused,
        transaction: async (_begin, work) => work(),
        [Symbol.asyncDispose]: async () => {
          now -= 1;
        },
      };
    },
  };
}

function unused(): never {
  throw new Error('Nobody copies rows here');
}

function failing(sqlState: string): Problem {
  return new Problem(QUERY_FAILED, 'Cannot run a statement', { facts: { sqlState } });
}

function answering(rows: string, hash: string | null, node = '7'): Answer {
  return (sql) => (sql.includes('filenode') ? [{ node }] : [{ rows, hash }]);
}

async function count(
  answer: Answer,
  changes: Partial<CountingRequest> = {},
): ReturnType<typeof countTables> {
  const server = serverOf(answer);
  return countTables({
    open: async () => server.open(),
    begin: 'BEGIN',
    tables: [{ table: tableOf('orders'), plan: { kind: 'all' } }],
    parallel: 2,
    lockSeconds: 5,
    deadlineMs: 1000,
    clock: fakeClock(),
    signal,
    ...changes,
  });
}

describe('countTables()', () => {
  test('adds up the pieces of a large table, over no more sessions than allowed', async () => {
    const tables = ['a', 'b', 'c'].map((name) => ({
      table: tableOf(name, 200_000),
      plan: { kind: 'all' } as const,
    }));
    const server = serverOf(answering('5', '-3'));

    const counted = await count(unused, { tables, open: async () => server.open() });

    // 200,000 pages are four pieces.
    expect(counted).toEqual(tables.map(() => ({ outcome: 'counted', rows: 20, hash: '-12' })));
    expect(server.most()).toBe(2);
  });

  test.each([
    ['42P01', 'it was dropped meanwhile'],
    ['42703', 'its columns were changed meanwhile'],
    ['55P03', 'it was locked for longer than 5 s'],
    ['57014', 'the time allowed for it was over'],
    ['42501', 'Cannot run a statement (`GRANT pg_read_all_data TO …;` would let us)'],
  ])('leaves out what cannot be read, for %s: %s', async (sqlState, reason) => {
    const counted = await count(() => {
      throw failing(sqlState);
    });

    expect(counted).toMatchObject([{ outcome: 'left out', reason }]);
  });

  test('leaves out what was emptied or rewritten: an older snapshot sees nothing in it', async () => {
    expect(await count(answering('0', null, '8'))).toEqual([
      { outcome: 'left out', reason: 'it was rewritten or emptied meanwhile' },
    ]);
  });

  test('leaves out what the time does not reach, without asking', async () => {
    expect(await count(unused, { deadlineMs: 0 })).toMatchObject([
      { outcome: 'left out', reason: 'the time allowed for it was over' },
    ]);
  });

  test('tells of damage as damage', async () => {
    const counted = await count(() => {
      throw failing('XX001');
    });

    expect(counted).toMatchObject([{ outcome: 'damaged' }]);
  });

  test('throws what says nothing about a table, when every session has been given back', async () => {
    const lost = new Problem(CONNECTION_LOST, 'Connection terminated', {
      facts: { sqlState: '57P01' },
    });

    await expect(
      count(() => {
        throw lost;
      }),
    ).rejects.toBe(lost);
  });
});
