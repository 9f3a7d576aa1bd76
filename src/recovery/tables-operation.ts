/**
 * The operation `restore-tables`: tables of a restored copy come back into production as new tables in
 * a schema of their own. What is in production stays as it is; the SQL that joins them is shown.
 */
import { z } from 'zod';

import type { Operation, Run, Step, Sweeper } from '../gate/operation.ts';
import { isServerName } from '../kernel/ids.ts';
import { Problem } from '../kernel/problem.ts';
import { quoteIdentifier, type Session } from '../postgres/session.ts';
import type { RecoveryDeps } from './deps.ts';
import { INSTANCE_GONE } from './problems.ts';
import { RESTORE_TABLES, RestoreResult } from './restore-operation.ts';
import { requireServer } from './servers.ts';
import { copyTable } from './table/copy.ts';
import { readShape, requireTables } from './table/find-tables.ts';
import { planJoin } from './table/join-sql.ts';
import { explainTables, planTables, recheckTables, TablesInput, TablesPlan } from './table/plan.ts';
import { sqlTable } from './table/sql-names.ts';

const RestoredTable = z.strictObject({
  table: z.string(),
  restoredAs: z.string(),
  rows: z.number(),
  hash: z.string(),
  /** One sentence: what differs, and so what the SQL does. */
  what: z.string(),
  joinSql: z.string(),
  /** Answers one number, which must be 0 after the SQL has been run. */
  verificationSql: z.string(),
});
type RestoredTable = z.infer<typeof RestoredTable>;

export const TablesResult = z.strictObject({
  runId: z.string(),
  server: z.string(),
  database: z.string(),
  fromRun: z.string(),
  schema: z.string(),
  tables: z.array(RestoredTable),
  /** That the copy they come from may not stand at the moment that is meant; empty: it does. */
  warnings: z.array(z.string()).default([]),
  /** Takes the copies away again when they are no longer needed. */
  cleanupSql: z.string(),
});
export type TablesResult = z.infer<typeof TablesResult>;

const SCHEMA = 'schema';
const DEADLINE_MS = 6 * 3_600_000;

export function restoreTablesOperation(
  deps: RecoveryDeps,
): Operation<TablesInput, TablesPlan, TablesResult> {
  return {
    name: RESTORE_TABLES,
    summary: 'Bring tables of a restored copy back into production, beside the living ones',
    words: {
      positional: [],
      describe: {},
      examples: ['restore-tables --from r-20261122T145740-3fa9c1 --tables orders'],
    },
    input: TablesInput,
    plan: TablesPlan,
    result: TablesResult,
    deadlineMs: DEADLINE_MS,
    prepare: async (input, context) => planTables(deps, input, context),
    danger: () => 'high',
    locks: ({ server }) => [`production:${server}`],
    explain: (plan) => explainTables(plan),
    recheck: async (plan, { signal }) => recheckTables(deps, plan, signal),
    run: async (plan, run) => runTables(deps, plan, run),
  };
}

async function runTables(deps: RecoveryDeps, plan: TablesPlan, run: Run): Promise<TablesResult> {
  const { server, database, destinationSchema: schema } = plan;
  const reference = { server, database, schema, runId: run.id };
  const claimId = await run.claim({ kind: SCHEMA, reference });
  try {
    const tables = await copyTables(deps, plan, run);
    await run.release(claimId);
    return {
      runId: run.id,
      server,
      database,
      schema,
      tables,
      warnings: await sayCopy(deps, plan),
      fromRun: plan.fromRun,
      cleanupSql: `DROP SCHEMA ${schema} CASCADE;`,
    };
  } catch (error) {
    await takeBack(deps, reference, { run, claimId });
    throw error;
  }
}

/** Whoever joins the tables with production may not have read what the restore said. */
async function sayCopy(
  { findRun }: RecoveryDeps,
  { fromRun }: Pick<TablesPlan, 'fromRun'>,
): Promise<string[]> {
  const restored = RestoreResult.safeParse((await findRun(fromRun))?.result).data;
  const other = restored?.otherReading ?? null;
  if (other === null) return [];
  return [
    `The copy that these tables come from may not be the moment that you mean: run ${fromRun} says why. The other reading: \`${other.command}\`.`,
  ];
}

/** When production cannot be reached now, the claim stays for the sweeper; the first failure is told. */
async function takeBack(
  deps: RecoveryDeps,
  reference: SchemaReference,
  { run, claimId }: { readonly run: Run; readonly claimId: string },
): Promise<void> {
  try {
    await dropSchema(deps, reference);
    await run.release(claimId);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    run.log.warn('Schema not dropped yet; the sweeper will', { schema: reference.schema, message });
  }
}

async function copyTables(
  deps: RecoveryDeps,
  plan: TablesPlan,
  run: Run,
): Promise<RestoredTable[]> {
  const { signal } = run;
  const instance = await deps.catalog.instances.find(plan.fromRun);
  if (instance === undefined)
    throw new Problem(INSTANCE_GONE, `Cannot bring tables back: copy ${plan.fromRun} is gone`);
  const { server } = requireServer(deps.servers, plan.server);
  const { database } = plan;
  const options = { signal, statementTimeoutMs: 0, database };
  await using source = await deps.connect(instance.url, options);
  await using production = await deps.connect(server.url, options);
  await run.step(`Create schema ${plan.destinationSchema}`, async () => {
    const schema = quoteIdentifier(plan.destinationSchema);
    const why = `${madeBy(run.id)} from the copy of run ${plan.fromRun}; drop it when it is no longer needed`;
    // Together: whoever takes it back looks for our name in the comment.
    await production.transaction('BEGIN', async () => {
      await production.query(`CREATE SCHEMA ${schema}`);
      await production.query(`COMMENT ON SCHEMA ${schema} IS '${why}'`);
    });
  });
  await source.query("SET lock_timeout = '30s'");
  const restored: RestoredTable[] = [];
  for (const planned of plan.tables) {
    const work = { source, production, plan, planned };
    restored.push(
      await run.step(`Copy ${planned.table} into production`, async (step) =>
        bringBack(work, step),
      ),
    );
  }
  return restored;
}

interface Work {
  readonly source: Session;
  readonly production: Session;
  readonly plan: TablesPlan;
  readonly planned: TablesPlan['tables'][number];
}

async function bringBack(
  { source, production, plan, planned }: Work,
  step: Step,
): Promise<RestoredTable> {
  const [table] = await requireTables(source, [planned.table], plan.database);
  if (table === undefined)
    throw new TypeError(`Table "${planned.table}" was found and is not there`);
  const shape = await readShape(source, table.oid);
  // `orders` stays `orders`; a table of another schema keeps that in its name.
  const name = table.schema === 'public' ? table.name : `${table.schema}_${table.name}`;
  const restoredAs = { schema: plan.destinationSchema, name };
  const copied = await copyTable({
    source,
    production,
    table,
    shape,
    destination: restoredAs,
    onProgress: (doneBytes) => step.progress({ doneBytes }),
  });
  const join = planJoin({
    production: planned.production ?? undefined,
    restored: shape,
    table: planned.production ?? table,
    restoredAs,
  });
  return { table: table.table, restoredAs: sqlTable(restoredAs), ...copied, ...join };
}

const SchemaReference = z.object({
  server: z.string(),
  database: z.string(),
  schema: z.string(),
  /** Who made it. */
  runId: z.string(),
});
type SchemaReference = z.infer<typeof SchemaReference>;

const DROP_MS = 60_000;

function madeBy(runId: string): string {
  return `Restored by run ${runId}`;
}

/** Only a schema that this very run made: another run's of the same name holds what was asked for. */
async function dropSchema(deps: RecoveryDeps, reference: SchemaReference): Promise<void> {
  const { server: name, database, schema, runId } = reference;
  if (!isServerName(name) || !/^dbdr_restored_[a-z0-9_]+$/.test(schema)) return;
  const server = deps.servers.get(name);
  if (server === undefined) return;
  // The run's own signal may be what brought us here.
  const signal = AbortSignal.timeout(DROP_MS);
  await using session = await deps.connect(server.url, { signal, database });
  const [made] = await session.query(
    `SELECT 1 FROM pg_namespace WHERE nspname = $1
       AND starts_with(obj_description(oid, 'pg_namespace'), $2)`,
    [schema, `${madeBy(runId)} `],
  );
  if (made === undefined) return;
  await session.query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)} CASCADE`);
}

/** Takes back the schema of a run that did not finish. */
export function restoredSchemaSweeper(deps: RecoveryDeps): Sweeper {
  return {
    kind: SCHEMA,
    async sweep(reference, { log }) {
      const read = SchemaReference.safeParse(reference);
      if (read.success) await dropSchema(deps, read.data);
      else log.warn('Schema left alone: its reference makes no sense', { reference });
    },
  };
}
