/** From words to a plan: read the input, resolve it, explain it, and the same for what follows it. */
import type { z } from 'zod';

import type { NewRun } from '../catalog/run-verbs.ts';
import { hashJson, type Json, utcText } from '../kernel/codecs.ts';
import { newRunId, type RunId } from '../kernel/ids.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import { actorJson } from './actors.ts';
import { mayAsk } from './authorise.ts';
import type { GateDeps } from './deps.ts';
import type { AskRequest } from './gate.ts';
import type { AnyOperation, Danger, Explanation } from './operation.ts';
import type { Actor, Role } from './people.ts';
import { plainJson, serverOf } from './plain-json.ts';
import { INPUT_INVALID, NOT_ALLOWED } from './problems.ts';

export interface PreparedRun {
  readonly operation: AnyOperation;
  readonly runId: RunId;
  readonly after: RunId | null;
  /** As typed, for the row. */
  readonly input: Json;
  /** As read, for `followUps()`. */
  readonly read: unknown;
  readonly plan: Json;
  readonly outlook: Json;
  readonly danger: Danger;
  readonly explanation: Explanation;
}

/** Follow-ups of one asking; more is a circle. */
const CHAIN_MAX = 10;

export interface Asking {
  readonly operation: AnyOperation;
  readonly input: { readonly [key: string]: unknown };
  readonly actor: Actor;
  readonly roles: readonly Role[];
  readonly after: RunId | null;
  /** Only the plan is wanted: whoever may look may see it. */
  readonly isLooking: boolean;
  readonly signal: AbortSignal;
}

/** @throws Problem GATE_INPUT_INVALID, GATE_NOT_ALLOWED, or what the operation itself refuses. */
export async function prepareRun(deps: GateDeps, asking: Asking): Promise<PreparedRun> {
  const { operation, actor, roles, after, signal } = asking;
  requirePermission(actor, roles, { operation, danger: 'none' });
  const read = await readInput(operation, asking.input);
  const context = { actor, signal, ...(after === null ? {} : { after }) };
  const prepared = await operation.prepare(read, context);
  signal.throwIfAborted();
  // The schema is asked now, because after a restart it is all that tells a plan from nonsense.
  const plan = plainJson(operation.plan.parse(plainJson(prepared.plan)));
  const danger = operation.danger(plan);
  if (!asking.isLooking) requirePermission(actor, roles, { operation, danger });
  return {
    operation,
    runId: newRunId(deps.clock.now()),
    after,
    input: plainJson(asking.input),
    read,
    plan,
    outlook: plainJson(prepared.outlook),
    danger,
    explanation: operation.explain(plan, prepared.outlook),
  };
}

/** `first` and everything that follows it, parents before children. */
export async function prepareChain(
  deps: GateDeps,
  first: PreparedRun,
  asking: Asking,
): Promise<readonly PreparedRun[]> {
  const chain = [first];
  for (let index = 0; index < chain.length; index += 1) {
    const parent = chain[index];
    const next = parent?.operation.followUps?.(parent.read, parent.plan, parent.runId) ?? [];
    for (const { operation: name, input } of next) {
      if (chain.length >= CHAIN_MAX)
        throw new TypeError(`"${first.operation.name}" has more than ${CHAIN_MAX} follow-ups`);
      const operation = deps.registry.require(name);
      const after = parent?.runId ?? null;
      chain.push(await prepareRun(deps, { ...asking, operation, input, after }));
    }
  }
  const looking = chain.find((run) => run.danger === 'none');
  if (looking !== undefined && chain.length > 1)
    throw new TypeError(`"${looking.operation.name}" only looks; it cannot be part of a chain`);
  return chain;
}

/** The row of a prepared run. */
export function toNewRun(deps: GateDeps, prepared: PreparedRun, request: AskRequest): NewRun {
  const now = deps.clock.now();
  const isHigh = prepared.danger === 'high';
  const isAlone = request.performer === 'this process';
  const expiresAt = utcText(now.toZonedDateTimeISO('UTC').add(deps.approvals.expires).toInstant());
  return {
    runId: prepared.runId,
    operation: prepared.operation.name,
    server: serverOf(prepared.plan, prepared.input),
    state: isHigh ? 'waiting' : 'approved',
    danger: isHigh ? 'high' : 'low',
    input: prepared.input,
    plan: prepared.plan,
    planHash: hashJson(prepared.plan),
    outlook: prepared.outlook,
    asker: actorJson(request.actor),
    audience: request.audience ?? null,
    after: prepared.after,
    performer: isAlone ? deps.processes.self : null,
    askedAt: utcText(now),
    // A late backup is better than none; a late change to production nobody expects any more.
    expiresAt: isHigh || isAlone ? expiresAt : null,
  };
}

interface Wanted {
  readonly operation: AnyOperation;
  readonly danger: Danger;
}

/** @throws Problem GATE_NOT_ALLOWED */
export function requirePermission(actor: Actor, roles: readonly Role[], wanted: Wanted): void {
  const permission = mayAsk(actor, roles, wanted.danger);
  if (permission.outcome === 'allowed') return;
  throw new Problem(NOT_ALLOWED, `Cannot ask for "${wanted.operation.name}": ${permission.why}`, {
    facts: { operation: wanted.operation.name, actor: actor.id },
  });
}

async function readInput(
  operation: AnyOperation,
  input: { readonly [key: string]: unknown },
): Promise<unknown> {
  const read = await operation.input.safeParseAsync(input);
  if (read.success) return read.data;
  const issues = read.error.issues.map((issue) => describeIssue(operation, issue));
  const message = `Cannot read the input of "${operation.name}": ${issues.join('; ')}`;
  throw new Problem(INPUT_INVALID, message, {
    hint: `Read how it is asked with \`help ${operation.name}\`.`,
  });
}

function describeIssue(operation: AnyOperation, issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(operation.words.describe);
    return issue.keys.map((key) => describeUnknown(key, known)).join('; ');
  }
  const path = issue.path.map(String).join('.');
  const words = issue.message.replace(/^Invalid input: /, '');
  return path === '' ? words : `"${path}": ${words}`;
}

function describeUnknown(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  return near === undefined ? `unknown "${key}"` : `unknown "${key}" (did you mean "${near}"?)`;
}
