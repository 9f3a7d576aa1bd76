/**
 * The operation `restore`: a server as it was at a moment, in a place where it harms nobody. With
 * tables, a second run that brings them back into production follows it and waits for an approval.
 */
import { z } from 'zod';

import { placeJson } from '../clusters/place.ts';
import type { FollowUp, Operation, Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { formatUtc } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import type { NamedStore, RecoveryDeps } from './deps.ts';
import { NEVER_EXPIRES } from './instances.ts';
import { explainRestore } from './point-in-time/explain.ts';
import { MeasuredRestore } from './point-in-time/forecast.ts';
import { type ClockWords, OtherReading, sayBehind } from './point-in-time/passed-again.ts';
import { planRestore, RestoreInput, RestoreOutlook, RestorePlan } from './point-in-time/plan.ts';
import { type Behind, readBehind } from './point-in-time/read-behind.ts';
import {
  restoreToScratch,
  type ScratchRestore,
  type ScratchRestoreRequest,
} from './point-in-time/restore.ts';
import { sayPreparedInCopy } from './prepared-in-copy.ts';
import { DATABASE_UNKNOWN, INSTANCE_GONE, WAL_HOLE } from './problems.ts';
import { requireServer } from './servers.ts';
import { isStillStored } from './still-stored.ts';
import { surveyStores } from './survey.ts';
import { requireTables } from './table/find-tables.ts';
import { readFromStores } from './wal-sources.ts';

const RESTORE = 'restore';
export const RESTORE_TABLES = 'restore-tables';

/** A prepared transaction keeps its locks even in an opened copy. */
const LOCK_TIMEOUT = "SET lock_timeout = '30s'";
const DEADLINE_MS = 24 * 3_600_000;

export const RestoreResult = z.strictObject({
  runId: z.string(),
  server: z.string(),
  backupId: z.string(),
  instance: z.strictObject({
    url: z.string(),
    directory: z.string(),
    database: z.string(),
    /** Null: it stays. */
    expiresAt: z.string().nullable(),
  }),
  reachedLsn: z.string(),
  /** When the last transaction in it was committed; null: none was replayed. */
  reachedAt: z.string().nullable(),
  reachedHow: z.enum(['target', 'end of log']),
  /** What was looked at before the copy was believed. */
  verification: z.string(),
  /** A target that was passed twice, what one store could not give and another did; empty: all is well. */
  warnings: z.array(z.string()).default([]),
  /** Null: the target has one meaning only, as far as could be told. */
  otherReading: OtherReading.nullable().default(null),
  tables: z.array(z.strictObject({ table: z.string(), rows: z.number() })),
  steps: z.array(z.strictObject({ title: z.string(), seconds: z.number() })),
  /** For forecasts. */
  measured: MeasuredRestore,
});
export type RestoreResult = z.infer<typeof RestoreResult>;

export function restoreOperation(
  deps: RecoveryDeps,
): Operation<RestoreInput, RestorePlan, RestoreResult> {
  return {
    name: RESTORE,
    summary: 'Bring a server back as it was at a moment, in a scratch place',
    words: {
      positional: ['server'],
      describe: {},
      examples: [
        'restore shop --to 14:46',
        'restore shop --to 14:46 --tables orders',
        'restore shop --to latest --into /srv/restored',
      ],
    },
    input: RestoreInput,
    plan: RestorePlan,
    result: RestoreResult,
    deadlineMs: DEADLINE_MS,
    prepare: async (input, context) => planRestore(deps, input, context),
    danger: () => 'low',
    // Two restores into one folder would each take the other's files for their own.
    locks: ({ into }) => (into === null ? [] : [`folder:${into}`]),
    explain: (plan, outlook) => explainRestore(plan, RestoreOutlook.safeParse(outlook).data),
    recheck: async (plan, { signal }) => recheckRestore(deps, plan, signal),
    run: async (plan, run) => runRestore(deps, plan, run),
    followUps: (_input, plan, runId): readonly FollowUp[] => {
      if (plan.tables.length === 0) return [];
      const { server, tables, database } = plan;
      return [{ operation: RESTORE_TABLES, input: { server, from: runId, tables, database } }];
    },
  };
}

/** The base may have been removed meanwhile, or WAL may have vanished. */
async function recheckRestore(
  deps: RecoveryDeps,
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  requireServer(deps.servers, plan.server);
  const { server, target, base, copies, store } = plan;
  const stores = copies.length === 0 ? [store] : copies;
  const isThere = await isStillStored(deps, { server, base, stores }, { signal });
  const { choice } = await surveyStores(deps, { server, target }, { signal });
  if (isThere && choice.outcome === 'found') return;
  throw new Problem(
    WAL_HOLE,
    `Cannot restore "${plan.server}" as planned: what it needs is no longer stored`,
    { hint: 'Ask again; the answer says what can be restored now.' },
  );
}

async function runRestore(deps: RecoveryDeps, plan: RestorePlan, run: Run): Promise<RestoreResult> {
  const { server, base, path, target, database } = plan;
  const from = storesOf(deps, plan);
  const restored = await restoreToScratch(
    deps,
    { server, ...from, base, path, target, database, into: plan.into ?? undefined },
    run,
  );
  try {
    await run.step('Open the copy', async ({ signal }) => restored.open({ signal }));
    const prepared = await sayPreparedInCopy(deps, restored, run);
    const clock = sayBehind(
      plan,
      restored.reached,
      await lookBehind(deps, plan, { restored, run }),
    );
    const tables = await countTables(deps, plan, { restored, run });
    const expiresAt = await keepInstance(deps, plan, { restored, run });
    return resultOf(plan, { restored, run, tables, expiresAt, clock, prepared });
  } catch (error) {
    await restored.discard();
    throw error;
  }
}

/** The plan's stores, in its order, as far as the config still has them. */
function storesOf(
  deps: RecoveryDeps,
  { server, store: best, copies, walStores }: RestorePlan,
): Pick<ScratchRestoreRequest, 'store' | 'others' | 'walStores'> {
  const known = deps.storesOf(server);
  function named(names: readonly string[]): readonly NamedStore[] {
    return names.flatMap((name) => known.find((store) => store.name === name) ?? []);
  }
  const [store, ...others] = named(copies.length === 0 ? [best] : copies);
  if (store === undefined)
    throw new Problem(INSTANCE_GONE, `Cannot restore: the config has no store "${best}"`);
  const logs = named(walStores);
  return { store, others, walStores: logs.length === 0 ? [store] : logs };
}

interface Restored {
  readonly restored: ScratchRestore;
  readonly run: Run;
}

/** The end of the log was no time's doing, and a thinned base's log ends with it. */
async function lookBehind(
  deps: RecoveryDeps,
  plan: RestorePlan,
  { restored, run }: Restored,
): Promise<Behind | undefined> {
  const { target, base, path } = plan;
  if (target.kind !== 'time' || restored.how !== 'target' || path.thinned) return undefined;
  const stores = storesOf(deps, plan).walStores ?? [];
  return await run.step('Look whether the target was passed again', async (step) =>
    readBehind({
      base,
      path,
      // What a store could not give was told of while it was replayed.
      readWal: readFromStores(deps, { base, stores, tell: () => undefined }),
      target: Temporal.Instant.from(target.at),
      lsn: restored.reached.lsn,
      clock: deps.clock,
      log: run.log,
      signal: step.signal,
      onProgress: (progress) => step.progress(progress),
    }),
  );
}

async function countTables(
  deps: RecoveryDeps,
  plan: RestorePlan,
  { restored, run }: Restored,
): Promise<RestoreResult['tables']> {
  if (plan.tables.length === 0) return [];
  if (restored.database !== plan.database) {
    const message = `Cannot find database "${plan.database}": it was not there at that moment`;
    throw new Problem(DATABASE_UNKNOWN, message, { facts: { database: plan.database } });
  }
  await using session = await deps.connect(restored.url, {
    signal: run.signal,
    statementTimeoutMs: 0,
  });
  await session.query(LOCK_TIMEOUT);
  const found = await requireTables(session, plan.tables, restored.database);
  const counted: RestoreResult['tables'] = [];
  for (const { table, sqlName } of found) {
    const [row] = await session.query<{ rows: string }>(
      `SELECT count(*)::text AS rows FROM ${sqlName}`,
    );
    counted.push({ table, rows: Number(row?.rows ?? 0) });
  }
  return counted;
}

/** From here on the catalogue's instance row, not the run's claim, says who takes it back. */
async function keepInstance(
  { catalog, clock }: RecoveryDeps,
  plan: RestorePlan,
  { restored, run }: Restored,
): Promise<string | null> {
  const now = clock.now();
  const expiresAt =
    plan.keepSeconds === null ? null : utcText(now.add({ seconds: plan.keepSeconds }));
  await catalog.instances.add({
    runId: run.id,
    server: plan.server,
    directory: restored.place.dataDirectory,
    url: restored.url,
    why: explainRestore(plan).title,
    since: utcText(now),
    expiresAt: expiresAt ?? NEVER_EXPIRES,
    cluster: placeJson(restored.place),
  });
  await run.release(restored.claimId);
  return expiresAt;
}

function resultOf(
  plan: RestorePlan,
  kept: Restored & {
    readonly tables: RestoreResult['tables'];
    readonly expiresAt: string | null;
    readonly clock: ClockWords;
    readonly prepared: readonly string[];
  },
): RestoreResult {
  const { restored, run, tables, expiresAt, clock, prepared } = kept;
  const { reached } = restored;
  return {
    runId: run.id,
    server: plan.server,
    backupId: plan.base.backupId,
    instance: {
      url: restored.url,
      directory: restored.place.dataDirectory,
      database: restored.database,
      expiresAt,
    },
    reachedLsn: reached.lsn,
    reachedAt: reached.at === null ? null : utcText(reached.at),
    reachedHow: restored.how,
    verification: `${verificationWords(plan, restored)}${clock.checked}`,
    // Not all of them are shown everywhere: first what makes it another copy than was asked for.
    warnings: [...clock.warnings, ...prepared, ...restored.warnings],
    otherReading: clock.otherReading,
    tables: [...tables],
    steps: restored.steps.map(({ title, seconds }) => ({ title, seconds })),
    measured: {
      sourceBytes: plan.base.sourceBytes,
      walBytes: Number(lsnBytes(plan.path.toLsn) - lsnBytes(plan.path.fromLsn)),
      ...restored.measured,
    },
  };
}

function verificationWords(plan: RestorePlan, { reached, how }: ScratchRestore): string {
  const last =
    reached.at === null
      ? 'no transaction was replayed'
      : `its last transaction was committed at ${formatUtc(reached.at)}`;
  const stands = `The copy stood paused at ${reached.lsn} before it was opened; ${last}.`;
  if (how === 'target' || plan.target.kind === 'latest') return stands;
  const known =
    plan.covered === 'yes'
      ? 'nothing was committed between there and the target'
      : 'whether anything was committed between there and the target cannot be told from the store';
  return `${stands} That is the end of the stored log: ${known}.`;
}
