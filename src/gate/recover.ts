/**
 * After a death: runs that a dead process left `running` are closed as interrupted, runs that only it
 * could have started are cancelled, and what they had claimed is taken back by the sweepers. Also ends
 * what has expired. Everything here is repeatable and may run in several processes at once. What cannot
 * be taken back now is tried again later, and more and more seldom: a lock or a missing right lasts.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { ResourceRecord } from '../catalog/records.ts';
import type { HeldRun } from '../catalog/run-verbs.ts';
import { isEnded, type RunRecord } from '../catalog/runs.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { isDenied, OBJECT_LOCKED } from '../storage/problems.ts';
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

/** At least so often, whatever was refused: somebody may have given the right meanwhile. */
const RETRY_MAX_MS = 3_600_000;

/** By the claim: when on the monotonic clock it is tried again, and how long that was waited for. */
type Pauses = Map<string, { readonly untilMs: number; readonly pauseMs: number }>;

/** Recovers at once, then looks again and again. */
export function recoverService(deps: RecoverDeps): Service {
  const pauses: Pauses = new Map();
  return {
    name: 'recover',
    async run({ signal, ready }) {
      while (!signal.aborted) {
        await recoverUnless(deps, { signal, pauses });
        ready();
        await deps.clock.sleep(SWEEP_EVERY_MS, { signal }).catch(() => signal.aborted);
      }
    },
  };
}

/** Tries every claim, whenever it was tried last. */
export async function recover(
  deps: RecoverDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<Recovered> {
  return await recoverUnless(deps, { signal, pauses: new Map() });
}

interface Recovering {
  readonly signal: AbortSignal;
  readonly pauses: Pauses;
}

async function recoverUnless(deps: RecoverDeps, recovering: Recovering): Promise<Recovered> {
  const expired = await deps.catalog.runs.expire(utcText(deps.clock.now()));
  const interrupted: RunRecord[] = [];
  for (const held of await deps.catalog.runs.held()) {
    if (!isAbandoned(deps, held)) continue;
    const run = await closeAbandoned(deps, held);
    if (run !== undefined) interrupted.push(run);
  }
  await cancelPromised(deps);
  const swept = await sweepClaims(deps, recovering);
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
  recovering: Recovering,
): Promise<readonly ResourceRecord[]> {
  const { signal, pauses } = recovering;
  const swept: ResourceRecord[] = [];
  const claims = await deps.catalog.resources.list();
  for (const id of pauses.keys()) if (claims.every((claim) => claim.id !== id)) pauses.delete(id);
  for (const claim of claims) {
    signal.throwIfAborted();
    const paused = pauses.get(claim.id);
    if (paused !== undefined && deps.clock.elapsedMs() < paused.untilMs) continue;
    if (!(await isLeftBehind(deps, claim))) continue;
    if (await sweepOne(deps, claim, recovering)) swept.push(claim);
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
  { signal, pauses }: Recovering,
): Promise<boolean> {
  const log = deps.log.with({ run_id: claim.runId, kind: claim.kind, claim: claim.id });
  const sweeper = deps.sweepers.find(({ kind }) => kind === claim.kind);
  if (sweeper === undefined) {
    const next = pause(deps, pauses, { claim, error: undefined });
    log.warn('Nobody can take back a claim of this kind', { next });
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
    // It stays claimed, and is tried again.
    const next = pause(deps, pauses, { claim, error });
    log.warn('Cannot take back what a run left behind', { error, next });
    return false;
  } finally {
    await leases.release(lease, deps.processes.self);
  }
}

/**
 * Answers when it is tried again: what is locked when its lock ends, what is refused after an hour, and
 * what only failed soon, then more and more seldom.
 */
function pause(
  { clock }: RecoverDeps,
  pauses: Pauses,
  { claim, error }: { readonly claim: ResourceRecord; readonly error: unknown },
): string {
  const now = clock.now();
  const before = pauses.get(claim.id)?.pauseMs ?? SWEEP_EVERY_MS / 2;
  const isRefused = isDenied(error) || isProblem(error, OBJECT_LOCKED);
  const laterMs = isRefused ? RETRY_MAX_MS : Math.min(before * 2, RETRY_MAX_MS);
  const pauseMs = lockMs(error, now) ?? laterMs;
  pauses.set(claim.id, { untilMs: clock.elapsedMs() + pauseMs, pauseMs });
  return utcText(now.add({ milliseconds: pauseMs }));
}

/** Undefined: it is not locked, or the store does not tell until when. */
function lockMs(error: unknown, now: Temporal.Instant): number | undefined {
  if (!isProblem(error, OBJECT_LOCKED)) return undefined;
  const { until } = error.facts;
  if (typeof until !== 'string') return undefined;
  const leftMs = Temporal.Instant.from(until).epochMilliseconds - now.epochMilliseconds;
  return Math.max(leftMs, SWEEP_EVERY_MS);
}
