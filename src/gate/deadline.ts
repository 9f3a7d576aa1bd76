/** An operation's limit in time, as an abort with a reason. */
import type { Clock } from '../kernel/clock.ts';
import { formatSeconds } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import type { AnyOperation } from './operation.ts';
import { DEADLINE } from './problems.ts';

/** Aborts `controller` when the time is up; dispose it when the run has ended. */
export function startDeadline(
  clock: Clock,
  operation: AnyOperation,
  controller: AbortController,
): AsyncDisposable {
  const { deadlineMs: limitMs, name } = operation;
  if (limitMs === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const stopped = new AbortController();
  const message = `Cannot finish "${name}": it may take ${formatSeconds(limitMs / 1000)}`;

  const watching = watch(clock, limitMs, { controller, stopped, message });
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await watching;
    },
  };
}

interface Watching {
  readonly controller: AbortController;
  readonly stopped: AbortController;
  readonly message: string;
}

async function watch(clock: Clock, limitMs: number, watching: Watching): Promise<void> {
  try {
    await clock.sleep(limitMs, { signal: watching.stopped.signal });
    watching.controller.abort(new Problem(DEADLINE, watching.message));
  } catch (error) {
    if (!watching.stopped.signal.aborted) throw error;
  }
}
