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

function failing(sqlState: string, message = 'Cannot run a statement'): Problem {
  const cause = new Error(message);
  return new Problem(QUERY_FAILED, 'Cannot run a statement', { facts: { sqlState }, cause });
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
    ['42P01', 'changed', 'it was dropped meanwhile'],
    ['42703', 'changed', 'its columns were changed meanwhile'],
    ['55P03', 'locked', 'it was locked for longer than 5 s'],
    ['57014', 'out of time', 'the time allowed for it was over'],
    ['42501', 'denied', 'Cannot run a statement (`GRANT pg_read_all_data TO …;` would let us)'],
    ['22P02', 'unreadable', 'Cannot run a statement'],
  ])('leaves out what cannot be read, for %s as %s: %s', async (sqlState, why, reason) => {
    const counted = await count(() => {
      throw failing(sqlState);
    });

    expect(counted).toEqual([{ outcome: 'left out', reason, why }]);
  });

  test('leaves out what was emptied or rewritten: an older snapshot sees nothing in it', async () => {
    expect(await count(answering('0', null, '8'))).toEqual([
      { outcome: 'left out', reason: 'it was rewritten or emptied meanwhile', why: 'changed' },
    ]);
  });

  test('leaves out what the time does not reach, without asking', async () => {
    expect(await count(unused, { deadlineMs: 0 })).toMatchObject([
      { outcome: 'left out', reason: 'the time allowed for it was over' },
    ]);
  });

  test('gives what comes first three quarters of the time, and the rest to the others', async () => {
    let nowMs = 0;
    const clock = { ...fakeClock(), elapsedMs: () => nowMs };
    const large = { table: tableOf('large'), plan: { kind: 'all' }, comesFirst: true } as const;
    const small = { table: tableOf('small'), plan: { kind: 'all' } } as const;
    const again = { ...large, table: tableOf('again') };

    const counted = await count(
      (sql) => {
        if (sql.includes('count(*)') && sql.includes('"large"')) nowMs = 800;
        return answering('5', '1')(sql);
      },
      { tables: [large, again, small], clock, deadlineMs: 1000, parallel: 1 },
    );

    expect(counted).toMatchObject([
      { outcome: 'counted' },
      { outcome: 'left out', why: 'out of time' },
      { outcome: 'counted' },
    ]);
  });

  test.each([
    ['XX001', 'invalid page in block 3 of relation base/5/16384'],
    ['58P01', 'could not open file "base/5/16384": No such file or directory'],
    ['58P01', 'could not access status of transaction 734'],
    ['XX000', 'invalid memory alloc request size 18446744073709551613'],
    ['XX000', 'cache lookup failed for type 16400'],
  ])('tells of damage as damage: %s, %s', async (sqlState, message) => {
    const counted = await count(() => {
      throw failing(sqlState, message);
    });

    expect(counted).toEqual([{ outcome: 'damaged', reason: message }]);
  });

  test.each([
    ['58P01', 'could not access file "$libdir/postgis-3": No such file or directory'],
    ['XX000', 'could not load library "/usr/lib/postgis-3.so"'],
    ['XX000', 'timescaledb must be preloaded'],
    ['58030', 'could not read block 3 in file "base/5/16384": Input/output error'],
  ])('takes a fault of this machine for no damage: %s, %s', async (sqlState, message) => {
    const counted = await count(() => {
      throw failing(sqlState, message);
    });

    expect(counted).toEqual([{ outcome: 'left out', reason: message, why: 'unreadable' }]);
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
