/**
 * The services that keep every other store level with the first: one for each server and store. Log and
 * backups are copied side by side. A store that does not answer is waited for, told as a finding, and
 * caught up with by itself; nothing else waits for it.
 */
import { backoffMs } from '../kernel/backoff.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { Copying } from './copy.ts';
import { type MirroringDeps, mirrorLease, type Route, routesOf } from './deps.ts';
import { followBackups } from './follow-backups.ts';
import { followLog } from './follow-log.ts';
import { type Lane, Notices } from './notices.ts';
import { toldApart } from './told-apart.ts';
import { untilElapsed } from './waiting.ts';

const BACKOFF = { firstMs: 1000, capMs: 60_000 };

export function mirrorServices(deps: MirroringDeps): readonly Service[] {
  return deps.mirrored.flatMap(routesOf).map((route) => mirrorService(route, deps));
}

export function mirrorService(route: Route, deps: MirroringDeps): Service {
  return {
    name: mirrorLease(route),
    lease: mirrorLease(route),
    async run({ signal, ready }) {
      // A store that is away is told as a finding; the service itself works as intended.
      ready();
      const stopping = new AbortController();
      const copying = copyingOn(route, deps, AbortSignal.any([signal, stopping.signal]));
      using told = deps.feed.subscribe(route.server);
      await copying.notices.begin();
      try {
        await Promise.all([
          keepGoing(copying, 'log', () => followLog(copying, told)),
          keepGoing(copying, 'backups', () => followBackups(copying)),
        ]);
      } finally {
        stopping.abort();
      }
    },
  };
}

export function copyingOn(route: Route, deps: MirroringDeps, signal: AbortSignal): Copying {
  return {
    route,
    source: toldApart(route.source),
    target: toldApart(route.target),
    deps,
    notices: new Notices(route, deps),
    signal,
    removing: { isDenied: false },
  };
}

/** Again and again, until aborted. @throws only what is a bug */
async function keepGoing(
  { deps, notices, signal }: Copying,
  lane: Lane,
  follow: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await follow();
    } catch (error) {
      if (signal.aborted) return;
      if (!isProblem(error)) throw error;
      const attempt = await notices.failed(lane, error);
      await untilElapsed(backoffMs(attempt, BACKOFF, 1), deps.clock, signal);
    }
  }
}
