/** Waits for something to be said or opened, without polling. Ends with a Problem that tells what was there instead. */
import { Problem } from '../kernel/problem.ts';
import { WORKSPACE_WAIT_ENDED } from './problems.ts';
import type { WorkspaceState } from './state.ts';

/** Of what is there instead, so much is told in the message itself: the end says most. */
const SEEN_CHARACTERS = 400;

export interface Wait<T> {
  /** What is waited for: `a message in #ops`. */
  readonly what: string;
  /** Looks now; undefined: not yet. */
  readonly look: () => T | undefined;
  /** What is there instead, for the Problem. */
  readonly seen: () => string;
  readonly signal: AbortSignal;
}

/** @throws Problem WORKSPACE_WAIT_ENDED when `signal` is aborted first. */
export async function waitFor<T>(state: WorkspaceState, wait: Wait<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const unsubscribe = state.subscribe(tryOnce);
    wait.signal.addEventListener('abort', giveUp, { once: true });

    function end(): void {
      unsubscribe();
      wait.signal.removeEventListener('abort', giveUp);
    }

    function tryOnce(): void {
      const found = lookSafely();
      if (found === undefined) return;
      end();
      resolve(found);
    }

    function lookSafely(): T | undefined {
      try {
        return wait.look();
      } catch (error) {
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
        return undefined;
      }
    }

    function giveUp(): void {
      end();
      const seen = wait.seen();
      const last = seen.slice(-SEEN_CHARACTERS);
      reject(
        new Problem(
          WORKSPACE_WAIT_ENDED,
          `Cannot see ${wait.what}: the time is up after "${last}"`,
          {
            facts: { seen },
            cause: wait.signal.reason,
          },
        ),
      );
    }

    tryOnce();
    if (wait.signal.aborted) giveUp();
  });
}
