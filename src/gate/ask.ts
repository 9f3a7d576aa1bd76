/** The first verb. Danger `none` is answered at once; everything else becomes a row that waits. */
import { utcText } from '../kernel/codecs.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { actorJson } from './actors.ts';
import { canBeSatisfied } from './approvals.ts';
import type { GateDeps } from './deps.ts';
import { explainRun } from './explain-run.ts';
import type { Asked, AskRequest } from './gate.ts';
import { lookNow } from './look.ts';
import {
  type Asking,
  type PreparedRun,
  prepareChain,
  prepareRun,
  requirePermission,
  toNewRun,
} from './prepare.ts';
import { NO_APPROVER } from './problems.ts';

export async function ask(deps: GateDeps, request: AskRequest): Promise<Asked> {
  try {
    return await askAllowed(deps, request);
  } catch (error) {
    if (isProblem(error) && error.kind.fault === 'refused')
      await journalRefusal(deps, request, error);
    throw error;
  }
}

export async function readAsking(deps: GateDeps, request: AskRequest): Promise<Asking> {
  const { actor, input, signal } = request;
  const operation = deps.registry.require(request.operation);
  const roles = await deps.people.rolesOf(actor, { signal });
  return { operation, input, actor, roles, after: null, isLooking: false, signal };
}

async function askAllowed(deps: GateDeps, request: AskRequest): Promise<Asked> {
  const asking = await readAsking(deps, request);
  requirePermission(asking.actor, asking.roles, { operation: asking.operation, danger: 'none' });
  const before = await askedBefore(deps, request);
  if (before !== undefined) return before;

  const first = await prepareRun(deps, asking);
  if (first.danger === 'none') return lookNow(deps, first, request);
  const chain = await prepareChain(deps, first, asking);
  if (chain.some((run) => run.danger === 'high')) await requireApprovers(deps, request);

  const created = await deps.catalog.runs.create(
    chain.map((prepared) => toNewRun(deps, prepared, request)),
    request.onceKey === undefined ? {} : { onceKey: request.onceKey },
  );
  // Whoever lost the race for the key shows the winner's plan, not the one it made itself.
  const explained = new Map(chain.map((run) => [run.runId, run] satisfies [string, PreparedRun]));
  const runs = created.runs.map((run) => ({
    run,
    explanation: explained.get(run.runId)?.explanation ?? explainRun(deps.registry, run),
    needsApproval: run.state === 'waiting',
  }));
  return { outcome: 'run', runs, again: created.again };
}

async function askedBefore(deps: GateDeps, request: AskRequest): Promise<Asked | undefined> {
  if (request.onceKey === undefined) return undefined;
  const before = await deps.catalog.runs.findOnce(request.onceKey);
  if (before.length === 0) return undefined;
  const runs = before.map((run) => ({
    run,
    explanation: explainRun(deps.registry, run),
    needsApproval: run.state === 'waiting',
  }));
  return { outcome: 'run', runs, again: true };
}

/** @throws Problem GATE_NO_APPROVER */
async function requireApprovers(deps: GateDeps, request: AskRequest): Promise<void> {
  const { actor, signal } = request;
  // At a terminal nobody else is needed, and Slack may be down: it is not even asked.
  if (actor.kind === 'terminal') return;
  const approvers = await deps.people.approvers({ signal });
  if (canBeSatisfied({ policy: deps.approvals, asker: actor, approvers })) return;
  throw new Problem(
    NO_APPROVER,
    `Cannot ask for "${request.operation}": ${deps.approvals.high} other people must approve it, and there are not that many approvers`,
    { facts: { needed: deps.approvals.high, approvers: approvers.length } },
  );
}

async function journalRefusal(
  deps: GateDeps,
  request: AskRequest,
  problem: Problem,
): Promise<void> {
  await deps.catalog.journal.append({
    at: utcText(deps.clock.now()),
    what: 'ask refused',
    actor: actorJson(request.actor),
    runId: null,
    data: { operation: request.operation, code: problem.kind.code, message: problem.message },
  });
}
