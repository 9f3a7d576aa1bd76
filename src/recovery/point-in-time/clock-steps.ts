/**
 * Whether a moment was passed more than once in the log, because the server's clock went back. PostgreSQL
 * stops before the first transaction that is not earlier than the target, and what comes behind it is not
 * looked at: with a clock that was wrong for a while, that may be hours too early. Pure.
 */
import type { Lsn } from '../../kernel/lsn.ts';
import type { TransactionEnd } from '../../postgres/wal-records.ts';

type End = Pick<TransactionEnd, 'kind' | 'lsn' | 'endLsn' | 'at'>;

/** Where the clock went back: the transaction that ends at `lsn` is earlier than one before it. */
export interface ClockStep {
  readonly lsn: Lsn;
  readonly from: Temporal.Instant;
  readonly to: Temporal.Instant;
}

export type ClockReading =
  | { readonly outcome: 'passed once' }
  /** Transactions that ended in one instant stand in either order: no clock has to be wrong for it. */
  | ({ readonly outcome: 'same instant' } & Earlier)
  | ({ readonly outcome: 'passed again' } & Earlier);

interface Earlier {
  /** Commits behind the position that are earlier than the target. */
  readonly earlier: number;
  /** The last of them ends here: recovered to this position, the copy holds them all. */
  readonly untilLsn: Lsn;
  readonly untilAt: Temporal.Instant;
  /** Commits before there that are not earlier than the target, and come along. */
  readonly later: number;
  /** The largest step back to a moment before the target. */
  readonly step: ClockStep;
}

/** The time is taken, then the record is written: under load, another transaction's comes in between. */
const SAME_INSTANT_MS = 1000;

export interface ClockWatch {
  /** Ends of transactions behind the position where the copy stands, in the order of the log. */
  take(end: End): void;
  answer(): ClockReading;
}

/** For a copy that was stopped by a time; `target` itself and what is later is not in it. */
export function watchClock(target: Temporal.Instant): ClockWatch {
  // Something stopped it that was not earlier.
  let latest = target;
  let step: ClockStep | undefined;
  let last: End | undefined;
  let [earlier, later, laterBefore] = [0, 0, 0];
  return {
    take(end) {
      const { kind, lsn, at } = end;
      if (isEarlier(latest, at)) latest = at;
      if (!isEarlier(at, target)) {
        later += kind === 'commit' ? 1 : 0;
        return;
      }
      if (kind !== 'commit') return;
      earlier += 1;
      laterBefore = later;
      last = end;
      if (step === undefined || backMs({ from: latest, to: at }) > backMs(step))
        step = { lsn, from: latest, to: at };
    },
    answer() {
      if (last === undefined || step === undefined) return { outcome: 'passed once' };
      const outcome = backMs(step) > SAME_INSTANT_MS ? 'passed again' : 'same instant';
      const { endLsn: untilLsn, at: untilAt } = last;
      return { outcome, earlier, untilLsn, untilAt, later: laterBefore, step };
    },
  };
}

export function backMs({ from, to }: Pick<ClockStep, 'from' | 'to'>): number {
  return from.since(to).total('milliseconds');
}

function isEarlier(a: Temporal.Instant, b: Temporal.Instant): boolean {
  return Temporal.Instant.compare(a, b) < 0;
}
