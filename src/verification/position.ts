/**
 * The log position at which a copy holds exactly what a snapshot saw: where the first commit begins that
 * it does not see. There is one only when what it sees is a prefix of the order of commits, for the log and
 * the list of running transactions are not written in one breath. Pure.
 */
import type { Lsn } from '../kernel/lsn.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { sees, type TransactionSnapshot, wholeXid } from '../postgres/snapshot.ts';
import type { TransactionEnd } from '../postgres/wal-records.ts';

export type Position =
  | { readonly outcome: 'exact'; readonly lsn: Lsn }
  /** It sees a commit that stands behind one it does not see: take another snapshot. */
  | { readonly outcome: 'not a prefix' }
  /** The log was not read up to the commit that ends it. */
  | { readonly outcome: 'log ends first' };

export interface PositionFinder {
  /** Takes the ends of transactions in the order of the log; false: it knows, no more is needed. */
  take(end: Pick<TransactionEnd, 'kind' | 'xid' | 'lsn'>): boolean;
  answer(): Position;
}

/**
 * `lastXid` began after the snapshot was taken, so whatever the snapshot sees has committed before it: its
 * commit is the last that has to be looked at. What is fed must begin before any commit that may have been
 * written and not yet taken from the list of running transactions when the snapshot was taken.
 */
export function findPosition(snapshot: TransactionSnapshot, lastXid: bigint): PositionFinder {
  let firstUnseen: Lsn | undefined;
  let known: Position = { outcome: 'log ends first' };
  return {
    take({ kind, xid, lsn }) {
      if (known.outcome !== 'log ends first') return false;
      if (kind !== 'commit') return true;
      // Nobody knows whether it is seen: as good as not a prefix.
      if (xid === undefined) {
        known = { outcome: 'not a prefix' };
        return false;
      }
      const isSeen = sees(snapshot, xid);
      if (!isSeen) firstUnseen ??= lsn;
      else if (firstUnseen !== undefined) known = { outcome: 'not a prefix' };
      if (firstUnseen !== undefined && wholeXid(xid, snapshot.xmax) === lastXid)
        known = { outcome: 'exact', lsn: firstUnseen };
      return known.outcome === 'log ends first';
    },
    answer: () => known,
  };
}

/** PostgreSQL's page of the log, and the headers that records keep out of. Source: xlog_internal.h. */
const PAGE_BYTES = 8192n;
const HEADERS: readonly bigint[] = [0n, 24n, 40n];

/**
 * Whether a copy whose last replayed record ends at `reached` stands exactly at `position`: what lies
 * between them is the header of a page, or nothing.
 */
export function standsAt(reached: Lsn, position: Lsn): boolean {
  const between = lsnBytes(position) - lsnBytes(reached);
  if (between === 0n) return true;
  return lsnBytes(reached) % PAGE_BYTES === 0n && HEADERS.includes(between);
}
