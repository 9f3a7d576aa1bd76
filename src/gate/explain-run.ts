/** A stored run's plan as a human reads it. Never fails: an old row may speak of a lost operation. */
import type { RunRecord } from '../catalog/runs.ts';
import type { Explanation } from './operation.ts';
import { plainJson } from './plain-json.ts';
import type { Registry } from './registry.ts';

export function explainRun(registry: Registry, run: RunRecord): Explanation {
  const operation = registry.find(run.operation);
  const plan = operation?.plan.safeParse(run.plan);
  if (operation === undefined || plan?.success !== true) return unreadable(run);
  return run.outlook === null
    ? operation.explain(plainJson(plan.data))
    : operation.explain(plainJson(plan.data), run.outlook);
}

function unreadable(run: RunRecord): Explanation {
  const subject = run.server === null ? run.operation : `${run.operation} of ${run.server}`;
  return {
    title: subject,
    facts: [['Run', run.runId]],
    warnings: ['This dbdr cannot read the plan: another version wrote it'],
    approveLabel: `Approve ${subject}`,
    command: `npx dbdr runs --run ${run.runId}`,
  };
}
