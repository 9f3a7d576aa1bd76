/**
 * The third verb: claim, authorise again, take the leases, recheck, do the steps, end. Whatever
 * happens after the claim, the row says how it ended, unless the process dies; then `recover.ts` does.
 */
import type { RunRecord } from '../catalog/runs.ts';
import { hashJson, type Json, utcText } from '../kernel/codecs.ts';
import { isRunId, type RunId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { formatUtc } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import { readActor } from './actors.ts';
import { approversOf } from './approvals.ts';
import { mayAsk, mayDecide } from './authorise.ts';
import { startDeadline } from './deadline.ts';
import { requireRun } from './decide.ts';
import { type GateDeps, USUAL_TIMING } from './deps.ts';
import { type Ended, endingOf } from './ending.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import type { AnyOperation } from './operation.ts';
import { plainJson } from './plain-json.ts';
import { LEASE_HELD, NOT_ALLOWED, NOT_STARTABLE, PLAN_CHANGED, SHUTDOWN } from './problems.ts';
import { runContext } from './run-context.ts';

/** The runs this process performs now: a cancel asked here reaches them without a heartbeat. */
export type LiveRuns = Map<RunId, AbortController>;

export interface PerformOptions {
  readonly signal: AbortSignal;
  readonly live: LiveRuns;
}

/** @throws Problem GATE_RUN_UNKNOWN, GATE_NOT_STARTABLE */
export async function perform(
  deps: GateDeps,
  runId: RunId,
  options: PerformOptions,
): Promise<RunRecord> {
  options.signal.throwIfAborted();
  const run = await claim(deps, runId);
  const controller = new AbortController();
  options.live.set(runId, controller);
  const forward = forwardShutdown(run, controller, options.signal);
  const log = deps.log.with({ run_id: runId, operation: run.operation });
  try {
    const ended = await attempt(deps, { run, controller, log });
    return await writeEnd(deps, run, ended);
  } finally {
    forward[Symbol.dispose]();
    options.live.delete(runId);
  }
}

async function claim(deps: GateDeps, runId: RunId): Promise<RunRecord> {
  const { leaseMs } = deps.timing ?? USUAL_TIMING;
  const now = deps.clock.now();
  const claimed = await deps.catalog.runs.claim({
    runId,
    holder: deps.processes.self,
    at: utcText(now),
    leaseUntil: utcText(now.add({ milliseconds: leaseMs })),
  });
  if (claimed !== undefined) return claimed;
  const run = await requireRun(deps, runId);
  throw new Problem(NOT_STARTABLE, `Cannot start "${run.operation}": ${whyNotStartable(run)}`, {
    facts: { run: runId, state: run.state },
  });
}

function whyNotStartable(run: RunRecord): string {
  if (run.state === 'waiting') return 'it waits for approval';
  if (run.state === 'running') return 'it runs already';
  if (run.state !== 'approved') return `it has ended ${run.state}`;
  if (run.after !== null) return `it waits for the run "${run.after}" to be done`;
  return 'its time is over, or it belongs to another process';
}

function forwardShutdown(
  run: RunRecord,
  controller: AbortController,
  signal: AbortSignal,
): Disposable {
  function stop(): void {
    const message = `Cannot finish "${run.operation}": the process that performs it stops`;
    controller.abort(new Problem(SHUTDOWN, message, { cause: signal.reason }));
  }
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', stop) };
}

interface Attempt {
  readonly run: RunRecord;
  readonly controller: AbortController;
  readonly log: Log;
}

async function attempt(deps: GateDeps, attempted: Attempt): Promise<Ended> {
  const { run, controller, log } = attempted;
  await using heartbeat = startHeartbeat(deps, attempted);
  try {
    const result = await work(deps, attempted, heartbeat);
    return { state: 'done', result };
  } catch (error) {
    return endingOf(error, { run, signal: controller.signal, log });
  }
}

async function work(deps: GateDeps, attempted: Attempt, heartbeat: Heartbeat): Promise<Json> {
  const { run, controller, log } = attempted;
  const { signal } = controller;
  const operation = deps.registry.require(run.operation);
  const plan = readPlan(operation, run);
  await using deadline = startDeadline(deps.clock, operation, controller);
  await authoriseAgain(deps, run, signal);
  await using locks = await takeLocks(deps, { run, names: operation.locks(plan), heartbeat });
  // Under the locks: what is tested must still hold when the first step begins.
  await operation.recheck(plan, { signal });
  signal.throwIfAborted();
  const answer: unknown = await operation.run(plan, runContext(deps, { run, signal, log }));
  const result = plainJson(operation.result.parse(plainJson(answer)));
  await deadline[Symbol.asyncDispose]();
  await locks[Symbol.asyncDispose]();
  return result;
}

/** What was approved is what is done: a row that somebody edited, or that is too old, is not. */
function readPlan(operation: AnyOperation, run: RunRecord): Json {
  const plan = operation.plan.safeParse(run.plan);
  if (hashJson(run.plan) === run.planHash && plan.success) return plainJson(plan.data);
  throw new Problem(
    PLAN_CHANGED,
    `Cannot start "${run.operation}": its plan is not the one that was asked for`,
  );
}

/** Who asked and who approved must still be who they were: people leave teams. */
async function authoriseAgain(deps: GateDeps, run: RunRecord, signal: AbortSignal): Promise<void> {
  const asker = readActor(run.asker);
  const askerRoles = await deps.people.rolesOf(asker, { signal });
  const permission = mayAsk(asker, askerRoles, run.danger);
  if (permission.outcome === 'not allowed') throw notAllowed(run, permission.why);
  for (const approver of approversOf(run)) {
    const roles = await deps.people.rolesOf(approver, { signal });
    const still = mayDecide(approver, roles);
    if (still.outcome === 'not allowed') throw notAllowed(run, still.why);
  }
}

function notAllowed(run: RunRecord, why: string): Problem {
  return new Problem(NOT_ALLOWED, `Cannot start "${run.operation}": ${why}`);
}

interface Locking {
  readonly run: RunRecord;
  readonly names: readonly string[];
  readonly heartbeat: Heartbeat;
}

/** Two runs of one process must not share a lease, so the run is part of the holder. */
export function lockHolder(processId: string, runId: RunId): string {
  return `${processId}#${runId}`;
}

/** All or none. @throws Problem GATE_LEASE_HELD */
async function takeLocks(deps: GateDeps, locking: Locking): Promise<AsyncDisposable> {
  const { leases } = deps.catalog;
  const holder = lockHolder(deps.processes.self, locking.run.runId);
  const taken: string[] = [];
  async function giveBack(): Promise<void> {
    for (const name of taken.splice(0)) await leases.release(name, holder);
  }
  for (const name of locking.names) {
    const now = deps.clock.now();
    const until = now.add({ milliseconds: (deps.timing ?? USUAL_TIMING).leaseMs });
    if (!(await leases.take(name, holder, utcText(until), utcText(now)))) {
      await giveBack();
      const other = await leases.holderOf(name, utcText(now));
      throw new Problem(
        LEASE_HELD,
        `Cannot start "${locking.run.operation}": "${name}" is held by ${await holderWords(deps, other)}`,
        { facts: { lease: name } },
      );
    }
    taken.push(name);
    locking.heartbeat.keep({ name, holder });
  }
  return { [Symbol.asyncDispose]: giveBack };
}

/** Who is in the way and since when, so that nobody has to look it up. */
async function holderWords({ catalog }: GateDeps, holder: string | undefined): Promise<string> {
  const runId = holder?.split('#').at(1);
  if (runId === undefined || !isRunId(runId)) return 'another run';
  const run = await catalog.runs.find(runId);
  if (run === undefined) return `the run "${runId}"`;
  const { operation, asker, startedAt, askedAt } = run;
  const since = formatUtc(Temporal.Instant.from(startedAt ?? askedAt).round('second'));
  return `the run "${runId}": ${operation}, asked by ${readActor(asker).name}, since ${since}`;
}

async function writeEnd(deps: GateDeps, run: RunRecord, ended: Ended): Promise<RunRecord> {
  const now = deps.clock.now();
  const written = await deps.catalog.runs.end({
    runId: run.runId,
    state: ended.state,
    at: utcText(now),
    result: ended.state === 'done' ? ended.result : null,
    problem: ended.state === 'done' ? null : ended.problem,
    holder: deps.processes.self,
    followUpsExpireAt: utcText(
      now.toZonedDateTimeISO('UTC').add(deps.approvals.expires).toInstant(),
    ),
  });
  // Another process took us for dead and has written the end: that is what stands.
  return written ?? requireRun(deps, run.runId);
}
