/**
 * After a death: runs that a dead process left `running` are closed as interrupted, runs that only it
 * could have started are cancelled, and what they had claimed is taken back by the sweepers. Also ends
 * what has expired. Everything here is repeatable and may run in several processes at once.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { ResourceRecord } from '../catalog/records.ts';
import type { HeldRun } from '../catalog/run-verbs.ts';
import { isEnded, type RunRecord } from '../catalog/runs.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { Sweeper } from './operation.ts';
import { lockHolder } from './perform.ts';
import { problemJson } from './problem-json.ts';
import { INTERRUPTED } from './problems.ts';
import type { Processes } from './processes.ts';
import type { Registry } from './registry.ts';

export interface RecoverDeps {
  readonly catalog: Pick<Catalog, 'runs' | 'leases' | 'resources'>;
  readonly registry: Registry;
  readonly processes: Processes;
  readonly sweepers: readonly Sweeper[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface Recovered {
  readonly interrupted: readonly RunRecord[];
  readonly expired: readonly RunRecord[];
  readonly swept: readonly ResourceRecord[];
}

const SWEEP_EVERY_MS = 15_000;
/** A sweeper may work that long before another process may try the same claim. */
const SWEEP_LEASE_MS = 600_000;

/** Recovers at once, then looks again and again. */
export function recoverService(deps: RecoverDeps): Service {
  return {
    name: 'recover',
    async run({ signal, ready }) {
      while (!signal.aborted) {
        await recover(deps, { signal });
        ready();
        await deps.clock.sleep(SWEEP_EVERY_MS, { signal }).catch(() => signal.aborted);
      }
    },
  };
}

export async function recover(
  deps: RecoverDeps,
  options: { readonly signal: AbortSignal },
): Promise<Recovered> {
  const expired = await deps.catalog.runs.expire(utcText(deps.clock.now()));
  const interrupted: RunRecord[] = [];
  for (const held of await deps.catalog.runs.held()) {
    if (!isAbandoned(deps, held)) continue;
    const run = await closeAbandoned(deps, held);
    if (run !== undefined) interrupted.push(run);
  }
  await cancelPromised(deps);
  const swept = await sweepClaims(deps, options.signal);
  return { interrupted, expired, swept };
}

function isAbandoned(deps: RecoverDeps, held: HeldRun): boolean {
  if (held.holder === deps.processes.self) return false;
  if (deps.processes.isGone(held.holder)) return true;
  return held.leaseUntil === null || held.leaseUntil <= utcText(deps.clock.now());
}

async function closeAbandoned(deps: RecoverDeps, held: HeldRun): Promise<RunRecord | undefined> {
  const { run, holder } = held;
  const problem = new Problem(
    INTERRUPTED,
    `Cannot finish "${run.operation}": the process that performed it is gone`,
  );
  const ended = await deps.catalog.runs.end({
    runId: run.runId,
    state: run.cancelAsked ? 'cancelled' : 'interrupted',
    at: utcText(deps.clock.now()),
    result: null,
    problem: problemJson(problem),
    holder,
  });
  if (ended === undefined) return undefined;
  deps.log.warn('Closed a run whose process is gone', {
    run_id: run.runId,
    operation: run.operation,
  });
  await releaseLocks(deps, run, holder);
  return ended;
}

/** Its leases would end by themselves; giving them back lets the next run start at once. */
async function releaseLocks(deps: RecoverDeps, run: RunRecord, holder: string): Promise<void> {
  const operation = deps.registry.find(run.operation);
  const plan = operation?.plan.safeParse(run.plan);
  if (operation === undefined || plan?.success !== true) return;
  for (const name of operation.locks(plan.data))
    await deps.catalog.leases.release(name, lockHolder(holder, run.runId));
}

async function cancelPromised(deps: RecoverDeps): Promise<void> {
  for (const { runId, performer } of await deps.catalog.runs.promised()) {
    if (performer === null || !deps.processes.isGone(performer)) continue;
    await deps.catalog.runs.withdraw({
      runId,
      deciderId: 'bot:dbdr',
      actor: { kind: 'schedule', id: 'dbdr', name: 'dbdr', zone: 'UTC' },
      at: utcText(deps.clock.now()),
      reason: 'The terminal that asked for it is gone',
    });
  }
}

async function sweepClaims(
  deps: RecoverDeps,
  signal: AbortSignal,
): Promise<readonly ResourceRecord[]> {
  const swept: ResourceRecord[] = [];
  for (const claim of await deps.catalog.resources.list()) {
    signal.throwIfAborted();
    if (!(await isLeftBehind(deps, claim))) continue;
    if (await sweepOne(deps, claim, signal)) swept.push(claim);
  }
  return swept;
}

/** What a run that is done still claims was not meant to go: a backup's packs must never be swept. */
async function isLeftBehind(deps: RecoverDeps, claim: ResourceRecord): Promise<boolean> {
  if (claim.runId === null) return false;
  const run = await deps.catalog.runs.find(claim.runId);
  return run !== undefined && isEnded(run.state) && run.state !== 'done';
}

async function sweepOne(
  deps: RecoverDeps,
  claim: ResourceRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const log = deps.log.with({ run_id: claim.runId, kind: claim.kind, claim: claim.id });
  const sweeper = deps.sweepers.find(({ kind }) => kind === claim.kind);
  if (sweeper === undefined) {
    log.warn('Nobody can take back a claim of this kind');
    return false;
  }
  const lease = `sweep:${claim.id}`;
  const now = deps.clock.now();
  const until = utcText(now.add({ milliseconds: SWEEP_LEASE_MS }));
  const { leases, resources } = deps.catalog;
  if (!(await leases.take(lease, deps.processes.self, until, utcText(now)))) return false;
  try {
    await sweeper.sweep(claim.reference, { signal, log });
    await resources.release(claim.id);
    log.info('Took back what a run left behind');
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // It stays claimed, and the next round tries again.
    log.warn('Cannot take back what a run left behind', { error });
    return false;
  } finally {
    await leases.release(lease, deps.processes.self);
  }
}
