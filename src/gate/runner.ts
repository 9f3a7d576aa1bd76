/**
 * The service that performs what is approved: Slack's and the clock's runs, and follow-ups whose
 * parent is done. Several at once, up to a bound. Another process may run the same service: each run
 * is claimed once.
 */
import type { RunVerbs } from '../catalog/run-verbs.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service, ServiceContext } from '../kernel/service.ts';
import type { Gate } from './gate.ts';
import { NOT_STARTABLE } from './problems.ts';

export interface RunnerDeps {
  readonly gate: Pick<Gate, 'perform'>;
  readonly runs: Pick<RunVerbs, 'startable' | 'newestSeq' | 'waitForEvents'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How many at once. */
  readonly limit?: number;
}

const USUAL_LIMIT = 4;
const LOOK_EVERY_MS = 30_000;
/** After a failure that left the run as it was, so that a full disk does not make us spin. */
const AFTER_FAILURE_MS = 5000;

export function runnerService(deps: RunnerDeps): Service {
  return { name: 'runner', run: (context) => runAll(deps, context) };
}

async function runAll(deps: RunnerDeps, { signal, ready }: ServiceContext): Promise<void> {
  const inFlight = new Map<RunId, Promise<void>>();
  ready();
  try {
    while (!signal.aborted) {
      // Before looking: what happens between looking and waiting then ends the wait.
      const cursor = await deps.runs.newestSeq();
      await startMore(deps, inFlight, signal);
      await untilWork(deps, { cursor, inFlight, signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    // They hear of the stop by the same signal, and each writes its own end.
    await Promise.all(inFlight.values());
  }
}

interface Waiting {
  readonly cursor: number;
  readonly inFlight: ReadonlyMap<RunId, Promise<void>>;
  readonly signal: AbortSignal;
}

/** Until something happened to a run, a place became free, or it is time to look in any case. */
async function untilWork(deps: RunnerDeps, waiting: Waiting): Promise<void> {
  const enough = new AbortController();
  const signal = AbortSignal.any([waiting.signal, enough.signal]);
  const events = deps.runs.waitForEvents(waiting.cursor, { signal });
  const sleep = deps.clock.sleep(LOOK_EVERY_MS, { signal });
  // Whoever loses the race is stopped, and nobody is interested in its rejection.
  for (const loser of [events, sleep]) loser.catch(() => undefined);
  try {
    await Promise.race([events, sleep, ...waiting.inFlight.values()]);
  } finally {
    enough.abort();
  }
}

async function startMore(
  deps: RunnerDeps,
  inFlight: Map<RunId, Promise<void>>,
  signal: AbortSignal,
): Promise<void> {
  const free = (deps.limit ?? USUAL_LIMIT) - inFlight.size;
  if (free <= 0) return;
  const startable = await deps.runs.startable(utcText(deps.clock.now()), free);
  for (const { runId } of startable) {
    if (inFlight.has(runId)) continue;
    const performing = performOne(deps, runId, signal).finally(() => inFlight.delete(runId));
    inFlight.set(runId, performing);
  }
}

/** Ends in truth by itself; what it throws is that it could not be claimed or its end not written. */
async function performOne(deps: RunnerDeps, runId: RunId, signal: AbortSignal): Promise<void> {
  const log = deps.log.with({ run_id: runId });
  try {
    const run = await deps.gate.perform(runId, { signal });
    log.info('Run ended', { operation: run.operation, state: run.state });
  } catch (error) {
    if (signal.aborted) return;
    if (isProblem(error, NOT_STARTABLE)) {
      log.debug('Another process was faster', { error });
      return;
    }
    log.error('Cannot perform a run', { code: 'GATE_PERFORM_FAILED', error });
    await deps.clock.sleep(AFTER_FAILURE_MS, { signal }).catch(() => undefined);
  }
}
