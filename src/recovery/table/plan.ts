/** The plan of bringing tables back: production's tables as they are now, and where the copies will stand. */
import { z } from 'zod';

import type { AskContext, Explanation, Prepared } from '../../gate/operation.ts';
import { isRunId, type RunId } from '../../kernel/ids.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Session } from '../../postgres/session.ts';
import type { RecoveryDeps } from '../deps.ts';
import { RestorePlan } from '../point-in-time/plan.ts';
import { DESTINATION_TAKEN, INSTANCE_GONE, TABLES_CHANGED, TABLES_NO_RIGHT } from '../problems.ts';
import { namesInUrl } from '../server-url.ts';
import { requireServer } from '../servers.ts';
import { ServerNameText } from '../summary-schema.ts';
import { findTables, readShape } from './find-tables.ts';

const RunIdText = z.custom<RunId>((value) => typeof value === 'string' && isRunId(value));

export const TablesInput = z.strictObject({
  from: z.string().meta({ description: 'the run that restored the copy: r-…' }),
  tables: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'tables to bring back; default: those the restore was asked for' }),
  server: z.string().optional().meta({ description: 'which server; default: that of the run' }),
  database: z.string().optional().meta({ description: 'which database; default: that of the run' }),
});
export type TablesInput = z.infer<typeof TablesInput>;

const ColumnJson = z.strictObject({ name: z.string(), type: z.string(), generated: z.boolean() });

const PlannedTable = z.strictObject({
  /** As asked. */
  table: z.string(),
  /** As it stands in production; null: it is gone. */
  production: z
    .strictObject({
      schema: z.string(),
      name: z.string(),
      oid: z.string(),
      columns: z.array(ColumnJson),
      primaryKey: z.array(z.string()),
    })
    .nullable(),
});
type PlannedTable = z.infer<typeof PlannedTable>;

export const TablesPlan = z.strictObject({
  server: ServerNameText,
  database: z.string(),
  fromRun: RunIdText,
  tables: z.array(PlannedTable),
  destinationSchema: z.string(),
  /** What must be run on the server before this can start; null: nothing. */
  missingGrant: z.string().nullable(),
});
export type TablesPlan = z.infer<typeof TablesPlan>;

/** `dbdr_restored_r_20261122T145740_3fa9c1`. */
function destinationSchema(fromRun: RunId): string {
  return `dbdr_restored_${fromRun.replaceAll('-', '_').toLowerCase()}`;
}

/** @throws Problem INSTANCE_GONE, SERVER_UNKNOWN, POSTGRES_* */
export async function planTables(
  deps: RecoveryDeps,
  input: TablesInput,
  { signal }: AskContext,
): Promise<Prepared<TablesPlan>> {
  if (!isRunId(input.from))
    throw new Problem(INSTANCE_GONE, `Cannot bring tables back: "${input.from}" is no run`);
  const parent = await parentPlan(deps, input.from);
  const { name, server } = requireServer(deps.servers, input.server ?? parent?.server);
  const words = input.tables.length > 0 ? input.tables : (parent?.tables ?? []);
  if (words.length === 0) {
    throw new Problem(INSTANCE_GONE, 'Cannot bring tables back: none are named', {
      hint: 'Name them with `--tables`.',
    });
  }
  const database = input.database ?? parent?.database ?? namesInUrl(server.url).database;
  await using session = await deps.connect(server.url, { signal, database });
  return {
    plan: {
      server: name,
      database,
      fromRun: input.from,
      tables: await readProduction(session, words),
      destinationSchema: destinationSchema(input.from),
      missingGrant: await readMissingGrant(session),
    },
  };
}

/** Undefined while the restore is only just being asked for: then the input says it all. */
async function parentPlan(deps: RecoveryDeps, runId: RunId): Promise<RestorePlan | undefined> {
  const run = await deps.findRun(runId);
  return RestorePlan.safeParse(run?.plan).data;
}

async function readProduction(session: Session, words: readonly string[]): Promise<PlannedTable[]> {
  const planned: PlannedTable[] = [];
  for (const table of words) {
    const [found] = (await findTables(session, [table])).found;
    if (found === undefined) {
      planned.push({ table, production: null });
      continue;
    }
    const { schema, name, oid } = found;
    const shape = await readShape(session, oid);
    planned.push({
      table,
      production: {
        schema,
        name,
        oid,
        columns: shape.columns.map((column) => ({ ...column })),
        primaryKey: [...shape.primaryKey],
      },
    });
  }
  return planned;
}

/** The statement that gives the role in the `url` the right to make a schema; null: it has it. */
async function readMissingGrant(session: Session): Promise<string | null> {
  const [row] = await session.query<{ may: boolean; database: string; role: string }>(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS may,
            quote_ident(current_database()) AS database, quote_ident(current_user) AS role`,
  );
  if (row === undefined || row.may) return null;
  return `GRANT CREATE ON DATABASE ${row.database} TO ${row.role};`;
}

/** @throws Problem INSTANCE_GONE, TABLES_CHANGED, DESTINATION_TAKEN, TABLES_NO_RIGHT */
export async function recheckTables(
  deps: RecoveryDeps,
  plan: TablesPlan,
  signal: AbortSignal,
): Promise<void> {
  const instance = await deps.catalog.instances.find(plan.fromRun);
  if (instance === undefined) {
    const message = `Cannot bring tables back: the copy that run ${plan.fromRun} restored is gone`;
    throw new Problem(INSTANCE_GONE, message, { facts: { run: plan.fromRun } });
  }
  const { server } = requireServer(deps.servers, plan.server);
  await using session = await deps.connect(server.url, { signal, database: plan.database });
  const now = await readProduction(
    session,
    plan.tables.map(({ table }) => table),
  );
  const changed = now.find(
    (table, index) => JSON.stringify(table) !== JSON.stringify(plan.tables[index]),
  );
  if (changed !== undefined) {
    const message = `Cannot bring "${changed.table}" back as planned: it was changed in production since`;
    throw new Problem(TABLES_CHANGED, message, { facts: { table: changed.table } });
  }
  const missing = await readMissingGrant(session);
  if (missing !== null) {
    const message = `Cannot bring tables back into "${plan.database}": the role in the \`url\` may not create a schema there`;
    throw new Problem(TABLES_NO_RIGHT, message, {
      hint: `Run on the server: \`${missing}\`, then ask for \`restore-tables --from ${plan.fromRun}\` again.`,
    });
  }
  const [taken] = await session.query('SELECT 1 AS taken FROM pg_namespace WHERE nspname = $1', [
    plan.destinationSchema,
  ]);
  if (taken === undefined) return;
  throw new Problem(
    DESTINATION_TAKEN,
    `Cannot bring tables back: schema "${plan.destinationSchema}" is there already`,
    { facts: { schema: plan.destinationSchema } },
  );
}

export function explainTables(plan: TablesPlan): Explanation {
  const names = plan.tables.map(({ table }) => table).join(', ');
  const gone = plan.tables.filter(({ production }) => production === null);
  return {
    title: `Bring ${names} of ${plan.server} back beside production's`,
    facts: [
      ['From', `the copy that run ${plan.fromRun} restores`],
      ['Writes', `schema ${plan.destinationSchema} in database ${plan.database} of ${plan.server}`],
      ['Stays as it is', gone.length === 0 ? names : 'everything that is in production now'],
      ['Danger', 'high: writes new tables into production, and changes none that are there'],
    ],
    warnings: [
      ...(plan.missingGrant === null
        ? []
        : [`Run on the server before this is approved: ${plan.missingGrant}`]),
      ...gone.map(({ table }) => `Table ${table} is not in production now.`),
    ],
    approveLabel: `Approve restore of ${plan.server}`,
    command: `npx dbdr restore-tables --from ${plan.fromRun} --tables ${plan.tables.map(({ table }) => table).join(',')} --yes --reason "…"`,
  };
}
