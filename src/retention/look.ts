/** Makes the plan of a removal: gathers, decides, and counts what of the log would go. Removes nothing. */
import type { ServerName } from '../kernel/ids.ts';
import { Problem } from '../kernel/problem.ts';
import { type RetentionDeps, requireServer } from './deps.ts';
import type { RetentionFacts } from './facts.ts';
import { gatherFacts } from './gather.ts';
import { type Decision, planRetention } from './plan.ts';
import { BLOCKED, PLAN_OUTDATED, TOO_MUCH } from './problems.ts';
import type { RetentionPlan } from './schema.ts';
import { storedLog } from './stored-log.ts';
import type { WalRule } from './wal-rule.ts';

/**
 * What the bot removes at once without asking anybody. A day adds one backup and ends one; where many
 * more would go, a rule or a clock has changed, or proofs had stopped: a person should look first.
 */
const AUTOMATIC_MAX = 10;

export interface Wanted {
  readonly apply: boolean;
  readonly automatic: boolean;
}

/** @throws Problem RETENTION_SERVER_UNKNOWN, RETENTION_BLOCKED, RETENTION_NEEDS_A_PERSON */
export async function lookAt(
  deps: RetentionDeps,
  name: ServerName,
  { apply, automatic, signal }: Wanted & { readonly signal: AbortSignal },
): Promise<RetentionPlan> {
  const { server } = requireServer(deps, name);
  if (automatic && !server.retention.automatic)
    throw new Problem(PLAN_OUTDATED, `Cannot thin out "${name}" by itself: the config says no`);
  const facts = await gatherFacts(deps, name, { signal });
  const decision = planRetention(facts);
  if (apply) requireOpen(name, decision);
  if (apply && automatic) requireFew(name, decision);
  const wal = await Promise.all(
    decision.wal.map(async (rule) => countLog(deps, { name, rule, signal })),
  );
  return {
    server: name,
    apply,
    automatic,
    zone: facts.zone,
    rules: { ...facts.rules },
    stores: deps.storesOf(name).map((store) => store.name),
    countedFrom: decision.countedFrom,
    windowFrom: decision.windowFrom,
    keep: decision.keep.map((one) => ({
      ...one,
      stores: [...one.stores],
      tiers: [...one.tiers],
      reasons: [...one.reasons],
    })),
    remove: decision.remove.map((one) => ({ ...one, stores: [...one.stores] })),
    wal,
    freedBytes: sum([
      ...decision.remove.map(({ storedBytes }) => storedBytes),
      ...wal.map(({ removeBytes }) => removeBytes),
    ]),
    blocked: [...decision.blocked],
    trouble: [...facts.trouble],
    warnings: [...warningsOf(facts)],
  };
}

/** @throws Problem RETENTION_BLOCKED */
export function requireOpen(name: string, { blocked }: Pick<Decision, 'blocked'>): void {
  if (blocked.length === 0) return;
  throw new Problem(BLOCKED, `Cannot remove anything of "${name}": ${blocked.join('; ')}`, {
    facts: { server: name },
  });
}

function requireFew(name: string, { remove }: Decision): void {
  if (remove.length <= AUTOMATIC_MAX) return;
  throw new Problem(
    TOO_MUCH,
    `Cannot remove ${remove.length} backups of "${name}" without a person: at most ${AUTOMATIC_MAX} go at once`,
    { facts: { server: name, backups: remove.length } },
  );
}

interface Counting {
  readonly name: ServerName;
  readonly rule: WalRule;
  readonly signal: AbortSignal;
}

/** Of all stores that answer. */
async function countLog(
  deps: RetentionDeps,
  { name, rule, signal }: Counting,
): Promise<RetentionPlan['wal'][number]> {
  const counted = { keepSegments: 0, keepBytes: 0, removeSegments: 0, removeBytes: 0 };
  // Of a store that does not answer nothing is counted: the trouble is told, and nothing is removed.
  if (rule.all !== null) return { ...rule, ...counted };
  for (const { store } of deps.storesOf(name))
    for await (const object of storedLog(store, { server: name, rules: [rule] }, { signal })) {
      const segment = object.kind === 'segment' ? 1 : 0;
      counted[object.isKept ? 'keepSegments' : 'removeSegments'] += segment;
      counted[object.isKept ? 'keepBytes' : 'removeBytes'] += object.sizeBytes;
    }
  return { ...rule, ...counted };
}

function warningsOf({ unreadable, server }: RetentionFacts): readonly string[] {
  if (unreadable.length === 0) return [];
  const names = [...new Set(unreadable.map(({ backupId }) => backupId))].join(', ');
  return [`Manifests of ${server} cannot be read, so these stay until somebody decides: ${names}.`];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
