/**
 * Ctrl-C and SIGTERM become one abort with its reason. The first one asks for an orderly end and is
 * waited for; Ctrl-C pressed again gives up waiting: what is left behind is written down as claims and
 * taken back by the next start.
 */
import { Problem } from '../kernel/problem.ts';
import { INTERRUPTED } from './problems.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM';

const STOP_EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Presses nearer than this are one press: a terminal and a parent process may both pass it on. */
const SAME_PRESS_MS = 500;

export interface Stop extends Disposable {
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came. */
  exitCode(): number | undefined;
}

export interface StopOptions {
  readonly err: (text: string) => void;
  readonly elapsedMs: () => number;
}

export function listenForStop({ err, elapsedMs }: StopOptions): Stop {
  const controller = new AbortController();
  let received: { readonly signal: StopSignal; readonly atMs: number } | undefined;

  function hear(signal: StopSignal): void {
    if (received !== undefined) {
      if (elapsedMs() - received.atMs > SAME_PRESS_MS && signal === 'SIGINT')
        process.exit(STOP_EXIT_CODES[received.signal]);
      return;
    }
    received = { signal, atMs: elapsedMs() };
    const word = signal === 'SIGINT' ? 'Ctrl-C was pressed' : 'the process was asked to end';
    if (signal === 'SIGINT')
      err('Stopping and cleaning up; press Ctrl-C again to give up waiting\n');
    controller.abort(new Problem(INTERRUPTED, `Cannot finish: ${word}`));
  }
  function onInterrupt(): void {
    hear('SIGINT');
  }
  function onTerminate(): void {
    hear('SIGTERM');
  }
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? undefined : STOP_EXIT_CODES[received.signal]),
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
    },
  };
}
