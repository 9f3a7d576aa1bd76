/**
 * Waits until the other store has the log up to a position; where no bot copies, it copies meanwhile,
 * under the same lease. The first store must have it already.
 */
import { utcText } from '../kernel/codecs.ts';
import { compareLsn, isLsn, type Lsn } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { holdLease } from '../supervision/hold-lease.ts';
import { type MirroringDeps, mirrorLease, type Route } from './deps.ts';
import { catchUpLogOnce } from './follow-log.ts';
import { MIRROR_LATE } from './problems.ts';
import { copyingOn } from './services.ts';

export interface MirrorUntil {
  readonly route: Route;
  readonly lsn: Lsn;
  readonly deps: MirroringDeps;
  /** Who takes the lease: unique to this run. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

const LOOK_MS = 200;
/** A mirror that copies has come further within this. */
const STALL_MS = 120_000;

/** @throws Problem MIRROR_LATE when it does not get there; STORAGE_* */
export async function mirrorUntil(request: MirrorUntil): Promise<void> {
  const { route, deps, holder, signal } = request;
  const { clock } = deps;
  const { leases } = deps.catalog;
  const others = new AbortController();
  const held = {
    signal: AbortSignal.any([signal, others.signal]),
    standBy: () => others.abort(),
    work: async (working: AbortSignal) => await catchUpLogOnce(copyingOn(route, deps, working)),
  };
  try {
    await holdLease({ clock, leases, holder }, mirrorLease(route), held);
  } catch (error) {
    if (signal.aborted || !others.signal.aborted) throw error;
  }
  await untilThere(request, others.signal.aborted ? STALL_MS : 0);
}

async function untilThere(
  { route, lsn, deps, signal }: MirrorUntil,
  patienceMs: number,
): Promise<void> {
  const { catalog, clock } = deps;
  let [storedText, changedMs] = ['', clock.elapsedMs()];
  for (;;) {
    signal.throwIfAborted();
    const row = await catalog.walProgress.find(route.server, route.target.name);
    const stored = row?.storedLsn ?? '';
    if (isLsn(stored) && compareLsn(stored, lsn) >= 0) return;
    if (stored !== storedText) [storedText, changedMs] = [stored, clock.elapsedMs()];
    if (clock.elapsedMs() - changedMs >= patienceMs)
      throw new Problem(
        MIRROR_LATE,
        `Cannot wait for the log of "${route.server}" in "${route.target.name}" up to ${lsn}: it has stayed at "${stored}" until ${utcText(clock.now())}`,
        { facts: { server: route.server, store: route.target.name, lsn } },
      );
    await clock.sleep(LOOK_MS, { signal });
  }
}
