/**
 * The operation `forget`: gives up what we left on a server, its replication slot. Refuses while
 * somebody archives the server. Restored schemas hold people's data and are listed, never dropped; what
 * is in the stores stays.
 */
import { z } from 'zod';

import { clusterPrefix } from '../engines/streaming/wal-format.ts';
import type { Operation } from '../gate/operation.ts';
import { Problem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';
import { readServerFacts } from '../postgres/server-facts.ts';
import { dropSlot, readSlot, slotName } from '../postgres/slots.ts';
import { type ArchivingOperationDeps, archivingLease, requireServer } from './deps.ts';
import { isClaimOf } from './prepare-slot.ts';
import { STILL_ARCHIVING } from './problems.ts';

const ForgetInput = z.strictObject({
  server: z.string().meta({ description: 'which server to leave alone from now on' }),
});
type ForgetInput = z.infer<typeof ForgetInput>;

const ForgetPlan = z.strictObject({
  server: z.string(),
  slot: z.string(),
  /** False: there is no slot; only our note of it goes. */
  slotExists: z.boolean(),
  /** Schemas with restored tables, which stay on the server. */
  schemas: z.array(z.string()),
  /** Where copies stay. */
  stays: z.array(z.strictObject({ store: z.string(), prefix: z.string() })),
});
type ForgetPlan = z.infer<typeof ForgetPlan>;

const ForgetResult = z.strictObject({
  server: z.string(),
  removed: z.array(z.string()),
  schemas: z.array(z.string()),
  stays: z.array(z.strictObject({ store: z.string(), prefix: z.string() })),
});
type ForgetResult = z.infer<typeof ForgetResult>;

export function forgetOperation(
  deps: ArchivingOperationDeps,
): Operation<ForgetInput, ForgetPlan, ForgetResult> {
  return {
    name: 'forget',
    summary: 'Drop the replication slot we keep on a server',
    words: {
      positional: ['server'],
      describe: { server: 'which server to leave alone from now on' },
      examples: ['forget shop'],
    },
    input: ForgetInput,
    plan: ForgetPlan,
    result: ForgetResult,
    prepare: async ({ server }, { signal }) => ({ plan: await look(deps, server, signal) }),
    danger: () => 'high',
    locks: ({ server }) => [archivingLease(requireServer(deps.servers, server).name)],
    explain,
    recheck: async ({ server }, { signal }) => {
      await look(deps, server, signal);
    },
    run: async (plan, run) => {
      const server = requireServer(deps.servers, plan.server);
      return await run.step('Drop the replication slot', async ({ signal }) => {
        await using session = await connect(server.url, { signal });
        const dropped = await dropSlot(session, plan.slot);
        for (const claim of await deps.catalog.resources.list())
          if (isClaimOf(claim, plan.slot)) await deps.catalog.resources.release(claim.id);
        return {
          server: plan.server,
          removed: dropped ? [`slot ${plan.slot}`] : [],
          schemas: plan.schemas,
          stays: plan.stays,
        };
      });
    },
  };
}

async function look(
  deps: ArchivingOperationDeps,
  name: string,
  signal: AbortSignal,
): Promise<ForgetPlan> {
  const server = requireServer(deps.servers, name);
  const slot = slotName(server.name);
  await using session = await connect(server.url, { signal });
  const state = await readSlot(session, slot);
  if (state?.active === true)
    throw new Problem(STILL_ARCHIVING, `Cannot forget "${name}": its slot "${slot}" is in use`, {
      facts: { server: name, slot },
    });
  const { major, systemId } = await readServerFacts(session);
  const schemas = await session.query<{ schema: string }>(
    `SELECT nspname::text AS schema FROM pg_namespace
      WHERE nspname LIKE 'dbdr\\_restored\\_%' ORDER BY nspname`,
  );
  return {
    server: server.name,
    slot,
    slotExists: state !== undefined,
    schemas: schemas.map(({ schema }) => schema),
    stays: [server.storeName, ...(server.otherStores ?? []).map(({ name: other }) => other)].map(
      (store) => ({ store, prefix: clusterPrefix({ server: server.name, major, systemId }) }),
    ),
  };
}

function explain(plan: ForgetPlan): ReturnType<Operation['explain']> {
  const { server, slot, slotExists, schemas, stays } = plan;
  return {
    title: `Forget ${server}`,
    facts: [
      ['Drops', slotExists ? `replication slot ${slot}` : 'nothing: there is no slot'],
      ['Stays on the server', schemas.length === 0 ? 'nothing of ours' : schemas.join(', ')],
      ['Stays in the stores', stays.map(({ store, prefix }) => `${store}: ${prefix}`).join(', ')],
      ['Danger', 'high: WAL that is not stored yet is given up'],
    ],
    warnings: [
      'From then on the log is no longer kept: coverage ends, and archiving again needs a new base backup.',
    ],
    approveLabel: `Approve forgetting ${server}`,
    command: `npx dbdr forget ${server}`,
  };
}
