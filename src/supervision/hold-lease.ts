/** Work that only one process may do: it waits for the lease, renews it, and stops when it is lost. */
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import { SERVICE_LEASE_LOST } from './problems.ts';

/** What supervision needs of leases: the catalogue has it. */
export interface Leases {
  take(name: string, holder: string, untilAt: string, nowAt: string): Promise<boolean>;
  renew(name: string, holder: string, untilAt: string, nowAt: string): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
}

export interface LeaseDeps {
  readonly clock: Clock;
  readonly leases: Leases;
  readonly holder: string;
}

export interface Held {
  readonly signal: AbortSignal;
  /** Called once when somebody else holds it. */
  readonly standBy: () => void;
  readonly work: (signal: AbortSignal) => Promise<void>;
}

const LEASE_MS = 30_000;
const RENEW_EVERY_MS = 5000;

/** Without a name it only works. @throws Problem SERVICE_LEASE_LOST, or what the work throws. */
export async function holdLease(
  deps: LeaseDeps,
  name: string | undefined,
  held: Held,
): Promise<void> {
  if (name === undefined) {
    await held.work(held.signal);
    return;
  }
  let stoodBy = false;
  while (!(await extend(deps, name, 'take'))) {
    if (!stoodBy) held.standBy();
    stoodBy = true;
    await deps.clock.sleep(RENEW_EVERY_MS, { signal: held.signal });
  }
  await workWith(deps, name, held);
}

async function workWith(deps: LeaseDeps, name: string, held: Held): Promise<void> {
  const lost = new AbortController();
  const done = new AbortController();
  const renewing = renewUntil(deps, name, { done: done.signal, lost });
  try {
    await held.work(AbortSignal.any([held.signal, lost.signal]));
    lost.signal.throwIfAborted();
  } finally {
    done.abort();
    await renewing;
    if (!lost.signal.aborted) await deps.leases.release(name, deps.holder);
  }
}

interface Renewing {
  readonly done: AbortSignal;
  readonly lost: AbortController;
}

async function renewUntil(deps: LeaseDeps, name: string, renewing: Renewing): Promise<void> {
  const { done, lost } = renewing;
  let lastMs = deps.clock.elapsedMs();
  while (!done.aborted && !lost.signal.aborted) {
    await deps.clock.sleep(RENEW_EVERY_MS, { signal: done }).catch(() => undefined);
    if (done.aborted) return;
    const isOurs = await extend(deps, name, 'renew').catch(() => undefined);
    const nowMs = deps.clock.elapsedMs();
    if (isOurs === true) lastMs = nowMs;
    // The catalogue does not answer: we stop before the lease ends, because then it may be another's.
    const isOver = isOurs === undefined && nowMs - lastMs > LEASE_MS - 2 * RENEW_EVERY_MS;
    if (isOurs === false || isOver)
      lost.abort(new Problem(SERVICE_LEASE_LOST, `Cannot go on: the lease "${name}" is lost`));
  }
}

function extend(deps: LeaseDeps, name: string, verb: 'take' | 'renew'): Promise<boolean> {
  const now = deps.clock.now();
  const until = utcText(now.add({ milliseconds: LEASE_MS }));
  return deps.leases[verb](name, deps.holder, until, utcText(now));
}
