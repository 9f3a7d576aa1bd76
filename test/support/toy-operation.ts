/** A small operation for tests of the gate: every part can be replaced. */
import { z } from 'zod';

import type { Danger, Operation } from '../../src/gate/operation.ts';

export const ToyInput = z.strictObject({
  server: z.string(),
  to: z.string().optional(),
  tables: z.array(z.string()).optional(),
  limit: z.number().optional(),
  dryRun: z.boolean().optional(),
  kind: z.enum(['fast', 'slow']).optional(),
});
export type ToyInput = z.infer<typeof ToyInput>;

export const ToyPlan = z.strictObject({ server: z.string(), to: z.string() });
export type ToyPlan = z.infer<typeof ToyPlan>;

export const ToyResult = z.strictObject({ ok: z.boolean() });
export type ToyResult = z.infer<typeof ToyResult>;

export type ToyOperation = Operation<ToyInput, ToyPlan, ToyResult>;

export function toyOperation(
  name: string,
  danger: Danger,
  parts: Partial<ToyOperation> = {},
): ToyOperation {
  return {
    name,
    summary: `Does ${name}`,
    words: {
      positional: ['server'],
      describe: {
        server: 'Which server',
        to: 'Until when',
        tables: 'Which tables',
        limit: 'How many',
        dryRun: 'Only look',
        kind: 'How',
      },
      examples: [`${name} shop --to 14:46`],
    },
    input: ToyInput,
    plan: ToyPlan,
    result: ToyResult,
    prepare: (input) =>
      Promise.resolve({ plan: { server: input.server, to: input.to ?? 'latest' } }),
    danger: () => danger,
    locks: (plan) => [`toy:${plan.server}`],
    explain: (plan) => ({
      title: `Do ${name} to ${plan.server}`,
      facts: [['To', plan.to]],
      warnings: [],
      approveLabel: `Approve ${name} of ${plan.server}`,
      command: `npx dbdr ${name} ${plan.server}`,
    }),
    recheck: () => Promise.resolve(),
    run: (_plan, run) =>
      danger === 'none' ? Promise.resolve({ ok: true }) : run.step('work', () => doneWork()),
    ...parts,
  };
}

function doneWork(): Promise<ToyResult> {
  return Promise.resolve({ ok: true });
}
