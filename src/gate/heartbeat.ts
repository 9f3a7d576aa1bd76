/**
 * Keeps a run's leases while it works, and hears what other processes want of it: a cancel, or that
 * the lease is theirs now. Both arrive as an abort with a reason.
 */
import type { RunRecord } from '../catalog/runs.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { decidersOf } from './actors.ts';
import { type GateDeps, USUAL_TIMING } from './deps.ts';
import { CANCELLED, LEASE_LOST } from './problems.ts';

/** How often a lease is renewed before it would end. */
const RENEWALS = 6;

export interface Heartbeat extends AsyncDisposable {
  /** From now on this lease is renewed, too; it is given back at the end. */
  keep(lease: HeldLease): void;
}

export interface HeldLease {
  readonly name: string;
  readonly holder: string;
}

export interface Beating {
  readonly run: RunRecord;
  readonly controller: AbortController;
  readonly log: Log;
}

export function startHeartbeat(deps: GateDeps, beating: Beating): Heartbeat {
  const { run } = beating;
  const stopped = new AbortController();
  const leases: HeldLease[] = [{ name: `run:${run.runId}`, holder: deps.processes.self }];
  const running = beat(deps, beating, { leases, signal: stopped.signal });
  return {
    keep(lease) {
      leases.push(lease);
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
    },
  };
}

interface Kept {
  readonly leases: readonly HeldLease[];
  readonly signal: AbortSignal;
}

async function beat(deps: GateDeps, beating: Beating, kept: Kept): Promise<void> {
  const { heartbeatMs, leaseMs } = deps.timing ?? USUAL_TIMING;
  let lastMs = deps.clock.elapsedMs();
  while (await sleptFor(deps, heartbeatMs, kept.signal)) {
    try {
      const nowMs = deps.clock.elapsedMs();
      // Each renewal is a write that waits for the disk; a cancel is only looked for.
      if (nowMs - lastMs >= leaseMs / RENEWALS) {
        await renew(deps, beating, kept);
        lastMs = nowMs;
      }
      await hearCancel(deps, beating);
    } catch (error) {
      beating.log.warn('Cannot renew the leases of a run', { error });
      // Before the lease is over, not after: from then on another process may hold it.
      if (deps.clock.elapsedMs() - lastMs > leaseMs - 2 * heartbeatMs) lose(beating, 'catalogue');
    }
  }
}

/** False: stopped. */
async function sleptFor(deps: GateDeps, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await deps.clock.sleep(ms, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

async function renew(deps: GateDeps, beating: Beating, kept: Kept): Promise<void> {
  const { leaseMs } = deps.timing ?? USUAL_TIMING;
  const now = deps.clock.now();
  const until = utcText(now.add({ milliseconds: leaseMs }));
  for (const { name, holder } of kept.leases) {
    const isOurs = await deps.catalog.leases.renew(name, holder, until, utcText(now));
    if (!isOurs) lose(beating, name);
  }
}

async function hearCancel(deps: GateDeps, beating: Beating): Promise<void> {
  const { runId } = beating.run;
  if (beating.controller.signal.aborted || !(await deps.catalog.runs.isCancelAsked(runId))) return;
  const run = await deps.catalog.runs.find(runId);
  const last = run === undefined ? undefined : decidersOf(run).at(-1);
  const by = last === undefined ? 'somebody' : last.actor.name;
  beating.controller.abort(
    new Problem(CANCELLED, `Cannot finish "${beating.run.operation}": ${by} cancelled it`),
  );
}

function lose(beating: Beating, lease: string): void {
  beating.controller.abort(
    new Problem(
      LEASE_LOST,
      `Cannot finish "${beating.run.operation}": the lease "${lease}" is not ours any more`,
    ),
  );
}
