/** Up to where a receiver has the log on its disk, and since when: what latency is read from. */
import pg from 'pg';

import { type Lsn, lsnBytes, lsnFromBytes } from '../../src/kernel/lsn.ts';
import { isSegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

export interface DurableMark {
  readonly lsn: bigint;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

export interface DurableMarks {
  readonly all: readonly DurableMark[];
  add(lsn: Lsn, atMs: number): void;
  /** When everything before `lsn` was durable; undefined: it is not. */
  atMs(lsn: Lsn): number | undefined;
  /** @throws Error when it takes longer than `limitMs` */
  until(lsn: Lsn, limitMs: number): Promise<number>;
}

export function openMarks(): DurableMarks {
  const all: DurableMark[] = [];
  function atMs(lsn: Lsn): number | undefined {
    const wanted = lsnBytes(lsn);
    return all.find((mark) => mark.lsn >= wanted)?.atMs;
  }
  return {
    all,
    atMs,
    add(lsn, at) {
      const bytes = lsnBytes(lsn);
      if (bytes > (all.at(-1)?.lsn ?? 0n)) all.push({ lsn: bytes, atMs: at });
    },
    async until(lsn, limitMs) {
      await waitUntil(() => (all.at(-1)?.lsn ?? 0n) >= lsnBytes(lsn), limitMs);
      return atMs(lsn) ?? Number.NaN;
    },
  };
}

export interface Following extends AsyncDisposable {
  readonly marks: DurableMarks;
}

/** Often enough that nobody looks late, seldom enough that the machine does not feel it. */
const ASK_MS = 10;

/** Asks again and again. */
export function follow(ask: () => Promise<Lsn | undefined>): Following {
  const marks = openMarks();
  const stop = new AbortController();
  const asking = (async () => {
    while (!stop.signal.aborted) {
      const lsn = await ask();
      if (lsn !== undefined) marks.add(lsn, nowMs());
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  })();
  return {
    marks,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await asking;
    },
  };
}

export interface FollowedQuery {
  /** Answers one column. */
  readonly sql: string;
  readonly read: (value: string) => Lsn | undefined;
}

export async function followQuery(
  { socketDirectory: host, port }: TestPostgres,
  { sql, read }: FollowedQuery,
): Promise<Following> {
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  const { marks, ...following } = follow(async () => {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    const value = rows[0]?.[0];
    return typeof value === 'string' ? read(value) : undefined;
  });
  return {
    marks,
    async [Symbol.asyncDispose]() {
      await following[Symbol.asyncDispose]();
      await client.end();
    },
  };
}

const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Undefined: no whole segment has this name. What follows on a segment's name does not matter. */
export function endOfSegment(file: string): Lsn | undefined {
  const name = file.slice(0, 24);
  if (!isSegmentName(name) || file.endsWith('.partial')) return undefined;
  return lsnFromBytes(lsnBytes(segmentPlace(name, SEGMENT_BYTES).beginLsn) + BigInt(SEGMENT_BYTES));
}

/** The wall clock, which all processes of a machine share. */
export function nowMs(): number {
  return Temporal.Now.instant().epochMilliseconds;
}
