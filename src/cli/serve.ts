/**
 * The bot's life: recover what a dead process left, keep the services alive, and stop in order: first
 * callers (the chat, the clock), then runs, then services; whoever opened the catalogue closes it last.
 */
import { untilAborted } from '../kernel/aborted.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Service } from '../kernel/service.ts';
import type { ServiceHealth } from '../monitoring/health.ts';
import { type SuperviseDeps, type Supervision, supervise } from '../supervision/supervise.ts';

/** Services that stop together; the groups stop in their order. */
export interface ServeParts {
  /** They ask: the clock, the chat's door. */
  readonly callers: readonly Service[];
  /** They perform: the runner. Stopping it ends its runs. */
  readonly runs: readonly Service[];
  /** Everything else: archiving, sweepers, followers. */
  readonly services: readonly Service[];
}

export interface ServeDeps extends Pick<SuperviseDeps, 'leases' | 'holder' | 'random'> {
  readonly clock: Clock;
  readonly log: Log;
  readonly onFlapping: SuperviseDeps['onFlapping'];
  readonly signal: AbortSignal;
  /** Called once everything has been started. */
  readonly ready: () => void;
  /** A service that tells the world how the services are; it stops after the last of them. */
  readonly health: (states: () => readonly ServiceHealth[]) => Service;
}

/** Runs need the longest: a backup removes its packs, a restore its cluster. */
const STOP_LIMITS_MS = { callers: 5000, runs: 20_000, services: 20_000, health: 5000 } as const;

interface Groups {
  readonly callers: Supervision;
  readonly runs: Supervision;
  readonly services: Supervision;
  readonly health: Supervision;
}

export async function serveParts(parts: ServeParts, deps: ServeDeps): Promise<void> {
  const services = supervise(parts.services, deps);
  const runs = supervise(parts.runs, deps);
  const callers = supervise(parts.callers, deps);
  const known = [callers, runs, services];
  // Last, since it asks at once how all the others are.
  const health = supervise([deps.health(() => describeStates(known))], deps);
  known.push(health);
  const groups: Groups = { callers, runs, services, health };
  deps.ready();
  await untilAborted(deps.signal);
  deps.log.info('Stopping');
  for (const name of ['callers', 'runs', 'services', 'health'] as const) {
    const late = await groups[name].stop(STOP_LIMITS_MS[name]);
    if (late.length > 0) deps.log.warn('Did not stop in time', { services: late });
  }
  deps.log.info('Stopped');
}

/** How every service is, for the health file. */
function describeStates(groups: readonly Supervision[]): readonly ServiceHealth[] {
  return groups.flatMap((group) =>
    [...group.states()].map(([name, state]) => ({
      name,
      state: state.state,
      since: 'since' in state ? state.since : null,
      why: 'why' in state ? state.why : null,
    })),
  );
}
