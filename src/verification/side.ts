/**
 * One part of a proof that is done beside another: it can be stopped by itself, and what it sees is written down
 * in a book of its own, so that the order in which two parts happen to end decides nothing of a report.
 */
import type { Run } from '../gate/operation.ts';
import type { Clock } from '../kernel/clock.ts';
import { type CheckBook, openCheckBook } from './checks.ts';

export interface Side {
  /** The same run; ends with it, or when it is stopped. */
  readonly run: Run;
  readonly book: CheckBook;
  /** The first reason stands. */
  stop(reason: unknown): void;
  isStopped(): boolean;
}

export function openSide(run: Run, clock: Clock): Side {
  const stopping = new AbortController();
  function within(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, stopping.signal]);
  }
  const signal = within(run.signal);
  return {
    run: {
      ...run,
      signal,
      step: async (title, work) =>
        run.step(title, async (step) => work({ ...step, signal: within(step.signal) })),
    },
    book: openCheckBook(clock, signal),
    stop: (reason) => stopping.abort(reason),
    isStopped: () => stopping.signal.aborted,
  };
}

/** What a part has seen becomes what the proof has seen. */
export function closeBook(book: CheckBook, { checks }: CheckBook): void {
  for (const { check, ...seen } of checks) book.note(check, seen);
}
