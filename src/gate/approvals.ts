/** When a run needs approval, how many people, and whether this person's click counts. Pure. */
import type { RunRecord } from '../catalog/runs.ts';
import { formatUtc } from '../kernel/moment.ts';
import type { ProblemKind } from '../kernel/problem.ts';
import { actorKey, type Decider, decidersOf, isSameActor, readActor } from './actors.ts';
import { mayDecide } from './authorise.ts';
import type { Actor, Role } from './people.ts';
import {
  DECIDED_BEFORE,
  EXPIRED,
  NOT_ALLOWED,
  OWN_REQUEST,
  PLAN_CHANGED,
  REASON_MISSING,
} from './problems.ts';

export interface ApprovalPolicy {
  /** How many different people must approve a high-danger run. */
  readonly high: number;
  /** How long a decision and, once approved, the start may take. */
  readonly expires: Temporal.Duration;
  /** May the asker approve their own request? */
  readonly self: boolean;
}

export type Judgement =
  | { readonly outcome: 'may'; readonly needed: number }
  | { readonly outcome: 'may not'; readonly kind: ProblemKind; readonly why: string };

export interface Click {
  readonly run: RunRecord;
  readonly actor: Actor;
  readonly roles: readonly Role[];
  readonly planHash: string | undefined;
  readonly reason: string | undefined;
  readonly now: Temporal.Instant;
}

export function judgeApproval(click: Click, policy: ApprovalPolicy): Judgement {
  const { run, actor, roles } = click;
  const permission = mayDecide(actor, roles);
  if (permission.outcome === 'not allowed') return mayNot(NOT_ALLOWED, permission.why);
  if (run.state !== 'waiting') return whyNotWaiting(run);
  if (actor.kind === 'terminal') return judgeTerminal(click);
  if (!policy.self && isSameActor(readActor(run.asker), actor))
    return mayNot(OWN_REQUEST, 'You asked for it, so somebody else must approve it');
  const before = decidersOf(run).find((one) => isSameActor(one.actor, actor));
  if (before !== undefined)
    return mayNot(DECIDED_BEFORE, `You already approved it at ${shown(before.at)}`);
  return judgePlan(click, policy.high);
}

/** A terminal is the way in when chat is down: it may approve what it asked for, but must say why. */
function judgeTerminal(click: Click): Judgement {
  if ((click.reason ?? '').trim() === '')
    return mayNot(REASON_MISSING, 'An approval at a terminal needs a reason');
  return judgePlan(click, 1);
}

function judgePlan(click: Click, needed: number): Judgement {
  if (click.planHash !== click.run.planHash)
    return mayNot(PLAN_CHANGED, 'The plan you saw is not the plan of this run');
  return { outcome: 'may', needed };
}

/** Why nobody can decide on it any more, in one sentence. */
export function whyNotWaiting(run: RunRecord): Judgement {
  if (run.state === 'expired')
    return mayNot(EXPIRED, `It expired at ${shown(run.endedAt ?? '')}; ask again`);
  const last = decidersOf(run).at(-1);
  if (last === undefined) return mayNot(DECIDED_BEFORE, `It is ${run.state} already`);
  return mayNot(DECIDED_BEFORE, `${pastTense(last)} by ${last.actor.name} at ${shown(last.at)}`);
}

function pastTense(decider: Decider): string {
  if (decider.decision === 'approve') return 'Already approved';
  if (decider.decision === 'refuse') return 'Already refused';
  return decider.decision === 'withdraw' ? 'Already withdrawn' : 'Already cancelled';
}

export interface Satisfying {
  readonly policy: ApprovalPolicy;
  readonly asker: Actor;
  /** Ids or names of everyone who could approve. */
  readonly approvers: readonly string[];
}

/** A request that nobody can ever approve is refused at once instead of waiting for its expiry. */
export function canBeSatisfied({ policy, asker, approvers }: Satisfying): boolean {
  if (asker.kind === 'terminal') return true;
  const counted = policy.self ? approvers : approvers.filter((id) => id !== asker.id);
  return new Set(counted).size >= policy.high;
}

/** The people whose approvals a run stands on, each once. */
export function approversOf(run: RunRecord): readonly Actor[] {
  const byKey = new Map<string, Actor>();
  for (const { actor, decision } of decidersOf(run))
    if (decision === 'approve') byKey.set(actorKey(actor), actor);
  return [...byKey.values()];
}

function mayNot(kind: ProblemKind, why: string): Judgement {
  return { outcome: 'may not', kind, why };
}

function shown(at: string): string {
  return at === '' ? 'an unknown time' : formatUtc(Temporal.Instant.from(at));
}
