/** Performs what only looks: no row, no lease, the answer at once. */
import type { Log } from '../kernel/log.ts';
import { startDeadline } from './deadline.ts';
import type { GateDeps } from './deps.ts';
import type { Asked, AskRequest } from './gate.ts';
import type { Run } from './operation.ts';
import { plainJson } from './plain-json.ts';
import type { PreparedRun } from './prepare.ts';

export async function lookNow(
  deps: GateDeps,
  prepared: PreparedRun,
  request: AskRequest,
): Promise<Asked> {
  const { operation, plan, runId } = prepared;
  const controller = new AbortController();
  const signal = AbortSignal.any([request.signal, controller.signal]);
  const log = deps.log.with({ run_id: runId, operation: operation.name });
  await using deadline = startDeadline(deps.clock, operation, controller);
  const result = plainJson(
    operation.result.parse(
      plainJson(await operation.run(plan, lookingRun({ request, runId, signal, log }))),
    ),
  );
  await deadline[Symbol.asyncDispose]();
  return { outcome: 'answered', result, exitCode: operation.exitCode?.(result) ?? 0 };
}

interface Looking {
  readonly request: AskRequest;
  readonly runId: Run['id'];
  readonly signal: AbortSignal;
  readonly log: Log;
}

function lookingRun({ request, runId, signal, log }: Looking): Run {
  return {
    id: runId,
    actor: request.actor,
    signal,
    log,
    step(_title, work) {
      signal.throwIfAborted();
      return work({ signal, progress: () => undefined });
    },
    claim(resource) {
      return Promise.reject(
        new TypeError(`An operation that only looks cannot make a "${resource.kind}"`),
      );
    },
    release: () => Promise.resolve(),
  };
}
