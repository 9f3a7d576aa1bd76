/**
 * What one snapshot of a server sees: `pg_current_snapshot()`, and whether a transaction of the log, which
 * has numbers of 32 bits only, is in it. Pure but for one query.
 */
import { Problem } from '../kernel/problem.ts';
import { PROTOCOL_UNEXPECTED } from './problems.ts';
import type { Session } from './session.ts';

export interface TransactionSnapshot {
  /** All transactions before it have ended. 64 bits, as PostgreSQL counts across wraparounds. */
  readonly xmin: bigint;
  /** This one and all after it had not ended. */
  readonly xmax: bigint;
  /** Between the two, those that had not ended: top-level transactions, prepared ones among them. */
  readonly inProgress: ReadonlySet<bigint>;
}

/** Inside a transaction it is the transaction's own, if that is `REPEATABLE READ`. */
export async function readSnapshot(session: Session): Promise<TransactionSnapshot> {
  const [row] = await session.query<{ snapshot: string }>(
    'SELECT pg_current_snapshot()::text AS snapshot',
  );
  return parseSnapshot(row?.snapshot ?? '');
}

/** `10:20:10,14,15`. Source: PostgreSQL docs, Snapshot Components. */
export function parseSnapshot(text: string): TransactionSnapshot {
  const [, xmin, xmax, list = ''] = /^(\d+):(\d+):([\d,]*)$/.exec(text) ?? [];
  if (xmin === undefined || xmax === undefined)
    throw new Problem(PROTOCOL_UNEXPECTED, `Cannot read the snapshot "${text}"`);
  const numbers = list.split(',').filter((number) => number !== '');
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), inProgress: new Set(numbers.map(BigInt)) };
}

/** Whether the snapshot sees a transaction that has committed. */
export function sees(snapshot: TransactionSnapshot, xid: number): boolean {
  const whole = wholeXid(xid, snapshot.xmax);
  if (whole < snapshot.xmin) return true;
  return whole < snapshot.xmax && !snapshot.inProgress.has(whole);
}

const EPOCH = 1n << 32n;
const HALF = EPOCH / 2n;

/** The number with its epoch: no two that are alive are further apart than half of all numbers. */
export function wholeXid(xid: number, near: bigint): bigint {
  const distance = (BigInt(xid) - (near % EPOCH) + EPOCH) % EPOCH;
  return near + (distance < HALF ? distance : distance - EPOCH);
}
