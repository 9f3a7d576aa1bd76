/**
 * Keeps services alive: starts them, starts them again after a growing wait, says which ones are not
 * well, and stops them in order. A service that names a lease runs only while this process holds it.
 */
import { type BackoffPolicy, backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { type FlappingFinding, flapping } from './flapping.ts';
import { holdLease, type Leases } from './hold-lease.ts';

export type ServiceState =
  | { readonly state: 'starting' }
  /** Another process holds its lease; it starts here when that one stops. */
  | { readonly state: 'standing by' }
  | { readonly state: 'ready'; readonly since: string }
  | { readonly state: 'failing'; readonly since: string; readonly why: string }
  | { readonly state: 'stopped' };

export interface SuperviseDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly leases: Leases;
  /** Who we are for leases: `processes.self`. */
  readonly holder: string;
  /** In [0, 1). */
  readonly random: () => number;
  /** A service failed often in a short time; called once until it has been well again. */
  readonly onFlapping: (finding: FlappingFinding) => void;
}

export interface Supervision {
  /** By name, in the order they were given. */
  states(): ReadonlyMap<string, ServiceState>;
  /**
   * Stops them all and waits. Answers the names of those that did not stop in time; they run on, and
   * the process may end regardless.
   */
  stop(deadlineMs: number): Promise<readonly string[]>;
}

const BACKOFF: BackoffPolicy = { firstMs: 1000, capMs: 60_000 };
/** That many failures in that time are flapping. */
const FLAPPING_COUNT = 5;
const FLAPPING_WINDOW_MS = 600_000;
/** Who was ready for so long starts with a short wait again. */
const WELL_AFTER_MS = 60_000;

interface Kept {
  readonly service: Service;
  state: ServiceState;
  /** Failures since it was last well: decides the wait. */
  attempt: number;
  /** On the clock that never jumps. */
  failuresMs: readonly number[];
  readyMs: number | undefined;
  isFlapping: boolean;
}

/** @throws TypeError when two services have one name. */
export function supervise(services: readonly Service[], deps: SuperviseDeps): Supervision {
  const names = services.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new TypeError(`Two services have one name: ${names.join(', ')}`);
  const stopping = new AbortController();
  const kept = services.map(begin);
  const endings = new Map(kept.map((one) => [one, keep(deps, one, stopping.signal)]));
  return {
    states: () => new Map(kept.map(({ service, state }) => [service.name, state])),
    async stop(deadlineMs) {
      stopping.abort(new Error('The bot stops'));
      const tooLate = new AbortController();
      const late = deps.clock.sleep(deadlineMs, { signal: tooLate.signal }).catch(() => undefined);
      await Promise.race([Promise.all(endings.values()), late]);
      tooLate.abort();
      return kept.filter(({ state }) => state.state !== 'stopped').map(nameOf);
    },
  };
}

function begin(service: Service): Kept {
  return {
    service,
    state: { state: 'starting' },
    attempt: 0,
    failuresMs: [],
    readyMs: undefined,
    isFlapping: false,
  };
}

function nameOf({ service }: Kept): string {
  return service.name;
}

/** Never rejects. */
async function keep(deps: SuperviseDeps, kept: Kept, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const error = await runOnce(deps, kept, signal);
    if (signal.aborted) break;
    noteFailure(deps, kept, error);
    const waitMs = backoffMs(kept.attempt, BACKOFF, deps.random());
    await deps.clock.sleep(waitMs, { signal }).catch(() => undefined);
  }
  kept.state = { state: 'stopped' };
}

/** Answers why it ended: a service runs until it is aborted, so that an early return is a failure. */
async function runOnce(deps: SuperviseDeps, kept: Kept, signal: AbortSignal): Promise<unknown> {
  const { service } = kept;
  try {
    await holdLease(deps, service.lease, {
      signal,
      standBy: () => {
        kept.state = { state: 'standing by' };
      },
      work: (held) => {
        if (kept.state.state === 'standing by') kept.state = { state: 'starting' };
        return service.run({ signal: held, ready: () => noteReady(deps, kept) });
      },
    });
    return new Error('It returned although nobody stopped it');
  } catch (error) {
    return error;
  }
}

function noteReady(deps: SuperviseDeps, kept: Kept): void {
  if (kept.state.state === 'ready') return;
  kept.readyMs = deps.clock.elapsedMs();
  kept.state = { state: 'ready', since: utcText(deps.clock.now()) };
  deps.log.info('Service is ready', { service: kept.service.name });
}

function noteFailure(deps: SuperviseDeps, kept: Kept, error: unknown): void {
  const nowMs = deps.clock.elapsedMs();
  const wasWell = kept.readyMs !== undefined && nowMs - kept.readyMs >= WELL_AFTER_MS;
  if (wasWell) kept.isFlapping = false;
  kept.attempt = wasWell ? 1 : kept.attempt + 1;
  kept.readyMs = undefined;
  kept.failuresMs = [...kept.failuresMs, nowMs].filter((at) => nowMs - at <= FLAPPING_WINDOW_MS);
  const why = error instanceof Error ? error.message : String(error);
  const since = kept.state.state === 'failing' ? kept.state.since : utcText(deps.clock.now());
  kept.state = { state: 'failing', since, why };
  const code = isProblem(error) ? error.kind.code : 'SERVICE_FAILED';
  deps.log.error('Service failed', { code, service: kept.service.name, error });
  if (kept.failuresMs.length < FLAPPING_COUNT || kept.isFlapping) return;
  kept.isFlapping = true;
  deps.onFlapping(flapping(kept.service.name, { since, why }));
}
