/** The short moments in which something is taken away: one remover at a time, and no reader unseen. */
import { removalLease } from '../catalog/readers.ts';
import { utcText } from '../kernel/codecs.ts';
import type { RunId, ServerName } from '../kernel/ids.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { OBJECT_LOCKED } from '../storage/problems.ts';
import type { RetentionDeps } from './deps.ts';
import { TOO_SLOW } from './problems.ts';

export interface Remover {
  readonly deps: RetentionDeps;
  readonly server: ServerName;
  readonly holder: RunId;
  readonly signal: AbortSignal;
}

/** Longer than a batch takes; a dead process's lease is free at once, or after this. */
const LEASE_MS = 60_000;
/** Well before it ends: from then on a reader (`catalog/readers.ts`) thinks that nobody removes. */
const WORK_MS = 45_000;
const ATTEMPT_MS = 100;

/** Whoever is about to read waits until this is given back, so `work` is short. */
export async function whileRemoving<T>(
  remover: Remover,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { deps, server, signal } = remover;
  const { leases } = deps.catalog;
  const name = removalLease(server);
  const holder = `retention ${remover.holder}`;
  for (;;) {
    const now = deps.clock.now();
    const until = utcText(now.add({ milliseconds: LEASE_MS }));
    if (await leases.take(name, holder, until, utcText(now))) break;
    await deps.clock.sleep(ATTEMPT_MS, { signal });
  }
  try {
    return await work(AbortSignal.any([signal, AbortSignal.timeout(WORK_MS)]));
  } finally {
    await leases.release(name, holder);
  }
}

export type Refusal =
  | { readonly kind: 'locked'; readonly problem: Problem }
  /** The whole store refuses, or does not answer. */
  | { readonly kind: 'store'; readonly problem: Problem };

/** Undefined: it is gone. What is no problem of the store is thrown. */
export async function tryRemove(
  work: () => Promise<void>,
  { stopped, signal }: { readonly stopped: AbortSignal; readonly signal: AbortSignal },
): Promise<Refusal | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    stopped.throwIfAborted();
    const isSlow = signal.aborted;
    if (!isProblem(error) && !isSlow) throw error;
    const problem = isProblem(error)
      ? error
      : new Problem(TOO_SLOW, 'Cannot remove: the store took too long', { cause: error });
    return { kind: isProblem(error, OBJECT_LOCKED) ? 'locked' : 'store', problem };
  }
}
