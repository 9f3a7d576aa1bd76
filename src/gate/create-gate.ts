/** The gate made of its verbs: `ask`, `decide`, `perform`, and looking. */
import type { RunId } from '../kernel/ids.ts';
import { Problem } from '../kernel/problem.ts';
import { ask, readAsking } from './ask.ts';
import { decide } from './decide.ts';
import type { GateDeps } from './deps.ts';
import { explainRun } from './explain-run.ts';
import type { Decided, DecideRequest, Gate } from './gate.ts';
import { type LiveRuns, perform } from './perform.ts';
import { prepareRun } from './prepare.ts';
import { CANCELLED } from './problems.ts';

export function createGate(deps: GateDeps): Gate {
  const live: LiveRuns = new Map();
  const { runs } = deps.catalog;
  return {
    ask: (request) => ask(deps, request),

    async plan(request) {
      const asking = { ...(await readAsking(deps, request)), isLooking: true };
      const { plan, outlook, explanation } = await prepareRun(deps, asking);
      return { plan, explanation, ...(outlook === null ? {} : { outlook }) };
    },

    async decide(request) {
      const decided = await decide(deps, request);
      stopAtOnce(live, request, decided);
      return decided;
    },

    perform: (runId, { signal }) => perform(deps, runId, { signal, live }),
    explain: (run) => explainRun(deps.registry, run),
    find: (runId) => runs.find(runId),
    eventsAfter: (cursor, limit) => runs.eventsAfter(cursor, limit),
    waitForEvents: (cursor, options) => runs.waitForEvents(cursor, options),
  };
}

/** A run of another process hears of its cancel with its next heartbeat; ours need not wait. */
function stopAtOnce(live: LiveRuns, request: DecideRequest, decided: Decided): void {
  if (request.decision !== 'cancel' || decided.outcome !== 'decided') return;
  const { operation, runId }: { operation: string; runId: RunId } = decided.run;
  const message = `Cannot finish "${operation}": ${request.actor.name} cancelled it`;
  live.get(runId)?.abort(new Problem(CANCELLED, message));
}
