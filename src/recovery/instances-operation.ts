/** The operation `instances`: restored instances, looked at, kept longer, or removed. */
import { z } from 'zod';

import type { Explanation, Operation } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import type { RecoveryDeps } from './deps.ts';
import { isInstanceRunning, NEVER_EXPIRES, removeInstance, requireInstance } from './instances.ts';
import { INSTANCE_GONE } from './problems.ts';

const InstancesInput = z.strictObject({
  action: z
    .enum(['list', 'extend', 'remove'])
    .default('list')
    .meta({ description: 'list (the default), extend or remove' }),
  instance: z.string().optional().meta({ description: 'the run that restored it: r-…' }),
  hours: z
    .number()
    .min(0.25)
    .max(720)
    .default(2)
    .meta({ description: 'with extend: how much longer, from now' }),
});
type InstancesInput = z.infer<typeof InstancesInput>;

const InstancesPlan = z.strictObject({
  action: z.enum(['list', 'extend', 'remove']),
  instance: z.string().nullable(),
  server: z.string().nullable(),
  /** Absolute; null: not extended. */
  expiresAt: z.string().nullable(),
});
type InstancesPlan = z.infer<typeof InstancesPlan>;

const InstanceReport = z.strictObject({
  instance: z.string(),
  server: z.string(),
  directory: z.string(),
  url: z.string(),
  why: z.string(),
  since: z.string(),
  /** Null: it stays. */
  expiresAt: z.string().nullable(),
  running: z.boolean(),
});

const InstancesResult = z.strictObject({
  instances: z.array(InstanceReport),
  removed: z.array(z.string()),
});
type InstancesResult = z.infer<typeof InstancesResult>;

export function instancesOperation(
  deps: RecoveryDeps,
): Operation<InstancesInput, InstancesPlan, InstancesResult> {
  return {
    name: 'instances',
    summary: 'Show restored instances, keep one longer, or remove one',
    words: {
      positional: ['action', 'instance'],
      describe: {},
      examples: [
        'instances',
        'instances extend r-20261122T145740-3fa9c1 --hours 4',
        'instances remove r-20261122T145740-3fa9c1',
      ],
    },
    input: InstancesInput,
    plan: InstancesPlan,
    result: InstancesResult,
    prepare: async (input) => ({ plan: await planInstances(deps, input) }),
    danger: ({ action }) => (action === 'list' ? 'none' : 'low'),
    locks: ({ instance }) => (instance === null ? [] : [`instance:${instance}`]),
    explain: explainInstances,
    recheck: async ({ instance }) => {
      if (instance !== null) await requireInstance(deps, instance);
    },
    run: async (plan) => runInstances(deps, plan),
  };
}

async function planInstances(
  deps: RecoveryDeps,
  { action, instance, hours }: InstancesInput,
): Promise<InstancesPlan> {
  if (action === 'list') return { action, instance: null, server: null, expiresAt: null };
  if (instance === undefined) {
    throw new Problem(INSTANCE_GONE, `Cannot ${action} an instance: none is named`, {
      hint: `Name one: \`instances ${action} r-…\`; \`instances\` lists them.`,
    });
  }
  const found = await requireInstance(deps, instance);
  const minutes = Math.round(hours * 60);
  const expiresAt = action === 'extend' ? utcText(deps.clock.now().add({ minutes })) : null;
  return { action, instance: found.runId, server: found.server, expiresAt };
}

async function runInstances(deps: RecoveryDeps, plan: InstancesPlan): Promise<InstancesResult> {
  const removed: string[] = [];
  if (plan.instance !== null) {
    const record = await requireInstance(deps, plan.instance);
    if (plan.action === 'remove') {
      await removeInstance(deps, record);
      removed.push(record.runId);
    }
    if (plan.expiresAt !== null) await deps.catalog.instances.extend(record.runId, plan.expiresAt);
  }
  const instances = [];
  for (const record of await deps.catalog.instances.list()) {
    const { runId, server, directory, url, why, since, expiresAt } = record;
    instances.push({
      instance: runId,
      server,
      directory,
      url,
      why,
      since,
      expiresAt: expiresAt === NEVER_EXPIRES ? null : expiresAt,
      running: await isInstanceRunning(record),
    });
  }
  return { instances, removed };
}

function explainInstances({ action, instance, server, expiresAt }: InstancesPlan): Explanation {
  const name = instance ?? '';
  if (action === 'list') {
    return {
      title: 'Look at restored instances',
      facts: [],
      warnings: [],
      approveLabel: 'Look at restored instances',
      command: 'npx dbdr instances',
    };
  }
  const what = action === 'extend' ? `Keep ${name} until ${expiresAt ?? ''}` : `Remove ${name}`;
  return {
    title: `${what} (a restored copy of ${server ?? ''})`,
    facts: [['Danger', 'low: only a restored copy is touched']],
    warnings: action === 'remove' ? ['What was changed in the copy itself is lost.'] : [],
    approveLabel: `${action === 'extend' ? 'Keep' : 'Remove'} the copy of ${server ?? ''}`,
    command: `npx dbdr instances ${action} ${name}`,
  };
}
