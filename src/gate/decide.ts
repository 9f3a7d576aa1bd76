/** The second verb: approve, refuse, withdraw, cancel. Each click is answered, also the one too late. */
import type { Deciding } from '../catalog/run-verbs.ts';
import type { RunRecord } from '../catalog/runs.ts';
import { utcText } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import { Problem, type ProblemKind } from '../kernel/problem.ts';
import { actorJson, actorKey, isSameActor, readActor } from './actors.ts';
import { judgeApproval, whyNotWaiting } from './approvals.ts';
import { mayCancel, mayDecide } from './authorise.ts';
import type { GateDeps } from './deps.ts';
import type { Decided, DecideRequest } from './gate.ts';
import type { Role } from './people.ts';
import { DECIDED_BEFORE, EXPIRED, NOT_ALLOWED, RUN_UNKNOWN } from './problems.ts';

/** @throws Problem GATE_RUN_UNKNOWN */
export async function decide(deps: GateDeps, request: DecideRequest): Promise<Decided> {
  const run = await requireRun(deps, request.runId);
  const roles = await deps.people.rolesOf(request.actor, { signal: request.signal });
  const decided = await decideOn(deps, { request, run, roles });
  if (decided.outcome === 'not decided') await journalRefusal(deps, request, decided);
  return decided;
}

/** @throws Problem GATE_RUN_UNKNOWN */
export async function requireRun(deps: GateDeps, runId: RunId): Promise<RunRecord> {
  const run = await deps.catalog.runs.find(runId);
  if (run !== undefined) return run;
  throw new Problem(RUN_UNKNOWN, `Cannot find the run "${runId}": there is none of that name`);
}

interface Case {
  readonly request: DecideRequest;
  readonly run: RunRecord;
  readonly roles: readonly Role[];
}

function decideOn(deps: GateDeps, subject: Case): Promise<Decided> {
  switch (subject.request.decision) {
    case 'approve':
      return approve(deps, subject);
    case 'refuse':
      return refuse(deps, subject);
    case 'withdraw':
      return withdraw(deps, subject);
    case 'cancel':
      return cancel(deps, subject);
    default:
      throw new TypeError(`Unreachable: ${String(subject.request.decision satisfies never)}`);
  }
}

async function approve(deps: GateDeps, { request, run, roles }: Case): Promise<Decided> {
  const { actor, planHash, reason } = request;
  const now = deps.clock.now();
  const click = { run, actor, roles, planHash, reason, now };
  const judgement = judgeApproval(click, deps.approvals);
  if (judgement.outcome === 'may not') return notDecided(run, judgement.kind, judgement.why);
  const approved = await deps.catalog.runs.approve({
    ...deciding(deps, request),
    planHash: run.planHash,
    needed: judgement.needed,
    expiresAt: utcText(now.toZonedDateTimeISO('UTC').add(deps.approvals.expires).toInstant()),
  });
  if (approved !== undefined) return { outcome: 'decided', run: approved };
  // Somebody was faster between our reading and our writing: read again and say what happened.
  const current = await requireRun(deps, run.runId);
  const again = judgeApproval({ ...click, run: current }, deps.approvals);
  return again.outcome === 'may not'
    ? notDecided(current, again.kind, again.why)
    : notDecided(current, EXPIRED, 'Its time to be approved is over');
}

async function refuse(deps: GateDeps, { request, run, roles }: Case): Promise<Decided> {
  const permission = mayDecide(request.actor, roles);
  if (permission.outcome === 'not allowed') return notDecided(run, NOT_ALLOWED, permission.why);
  const refused = await deps.catalog.runs.refuse(deciding(deps, request));
  return refused === undefined ? tooLate(deps, run.runId) : { outcome: 'decided', run: refused };
}

async function withdraw(deps: GateDeps, { request, run }: Case): Promise<Decided> {
  if (!isSameActor(readActor(run.asker), request.actor))
    return notDecided(run, NOT_ALLOWED, 'Only who asked for it may withdraw it');
  const withdrawn = await deps.catalog.runs.withdraw(deciding(deps, request));
  return withdrawn === undefined
    ? tooLate(deps, run.runId)
    : { outcome: 'decided', run: withdrawn };
}

/** What has not started ends at once; what runs is asked to stop and ends by itself. */
async function cancel(deps: GateDeps, { request, run, roles }: Case): Promise<Decided> {
  const isAsker = isSameActor(readActor(run.asker), request.actor);
  const permission = mayCancel(request.actor, roles, isAsker);
  if (permission.outcome === 'not allowed') return notDecided(run, NOT_ALLOWED, permission.why);
  const subject = deciding(deps, request);
  const withdrawn = await deps.catalog.runs.withdraw(subject);
  if (withdrawn !== undefined) return { outcome: 'decided', run: withdrawn };
  const asked = await deps.catalog.runs.askCancel(subject);
  if (asked !== undefined) return { outcome: 'decided', run: asked };
  return tooLate(deps, run.runId);
}

async function tooLate(deps: GateDeps, runId: RunId): Promise<Decided> {
  const current = await requireRun(deps, runId);
  if (current.state === 'running')
    return notDecided(current, DECIDED_BEFORE, runningWords(current));
  if (current.endedAt !== null && current.startedAt !== null)
    return notDecided(current, DECIDED_BEFORE, `It has ended already: ${current.state}`);
  const why = whyNotWaiting(current);
  return why.outcome === 'may not'
    ? notDecided(current, why.kind, why.why)
    : notDecided(current, DECIDED_BEFORE, `It is ${current.state}`);
}

function runningWords(run: RunRecord): string {
  return run.cancelAsked ? 'It is already being stopped' : 'It has started; it can be cancelled';
}

function deciding(deps: GateDeps, request: DecideRequest): Deciding {
  return {
    runId: request.runId,
    deciderId: actorKey(request.actor),
    actor: actorJson(request.actor),
    at: utcText(deps.clock.now()),
    reason: request.reason ?? null,
  };
}

function notDecided(run: RunRecord, kind: ProblemKind, why: string): Decided {
  return { outcome: 'not decided', run, why, code: kind.code };
}

async function journalRefusal(
  deps: GateDeps,
  request: DecideRequest,
  decided: Extract<Decided, { readonly outcome: 'not decided' }>,
): Promise<void> {
  await deps.catalog.journal.append({
    at: utcText(deps.clock.now()),
    what: `${request.decision} not decided`,
    actor: actorJson(request.actor),
    runId: request.runId,
    data: { code: decided.code, why: decided.why },
  });
}
