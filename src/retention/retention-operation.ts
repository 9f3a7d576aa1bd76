/**
 * The operation `retention`: which backups stay and why, which go; with `--apply` they go. Asked by a
 * person that is of high danger and needs a colleague. After a backup the bot asks by itself, as the
 * config says (`decisions/`): then it is of low danger, because few go at once, and every one is looked
 * at again just before.
 */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import { canonicalJson } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import { applyRetention, lookResult } from './apply.ts';
import { type RetentionDeps, requireServer } from './deps.ts';
import { explainRetention } from './explain.ts';
import { lookAt } from './look.ts';
import { PLAN_OUTDATED } from './problems.ts';
import { RetentionPlan, RetentionResult } from './schema.ts';

export const RETENTION = 'retention';

/** Millions of segments, where a store is thinned out for the first time. */
const DEADLINE_MS = 12 * 3_600_000;

const RetentionInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: the only one' }),
  apply: z
    .boolean()
    .optional()
    .meta({ description: 'remove what no rule keeps; without it nothing is touched' }),
});
type RetentionInput = z.infer<typeof RetentionInput>;

export function retentionOperation(
  deps: RetentionDeps,
): Operation<RetentionInput, RetentionPlan, RetentionResult> {
  return {
    name: RETENTION,
    summary: 'Show which backups stay and why, and which may go; remove those',
    words: {
      positional: ['server'],
      describe: {
        server: 'which server; default: the only one',
        apply: 'remove what no rule keeps; without it nothing is touched',
      },
      examples: ['retention', 'retention shop --apply'],
    },
    input: RetentionInput,
    plan: RetentionPlan,
    result: RetentionResult,
    deadlineMs: DEADLINE_MS,
    prepare: async ({ server, apply = false }, { actor, signal }) => {
      const { name } = requireServer(deps, server);
      const automatic = apply && actor.kind === 'schedule';
      return { plan: await lookAt(deps, name, { apply, automatic, signal }) };
    },
    danger: ({ apply, automatic }) => {
      if (!apply) return 'none';
      return automatic ? 'low' : 'high';
    },
    locks: ({ apply, server }) => (apply ? [`retention:${server}`] : []),
    explain: explainRetention,
    recheck: async (plan) => recheck(deps, plan),
    run: async (plan, run) => (plan.apply ? applyRetention(deps, plan, run) : lookResult(plan)),
    exitCode: ({ notApplied, trouble }) => (notApplied.length > 0 || trouble.length > 0 ? 4 : 0),
  };
}

/** Rules and stores are those that were approved; everything else is looked at again, backup by backup. */
function recheck(deps: RetentionDeps, plan: RetentionPlan): void {
  const { name, server } = requireServer(deps, plan.server);
  const { daily, weekly, monthly, pitr, automatic } = server.retention;
  const stores = deps.storesOf(name).map((store) => store.name);
  const isSame =
    canonicalJson({ daily, weekly, monthly, pitr }) === canonicalJson(plan.rules) &&
    canonicalJson(stores) === canonicalJson(plan.stores) &&
    deps.zone === plan.zone &&
    (automatic || !plan.automatic);
  if (isSame) return;
  throw new Problem(
    PLAN_OUTDATED,
    `Cannot remove backups of "${name}" as planned: the config has changed since`,
  );
}
