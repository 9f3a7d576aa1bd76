/** The plan of a restore: every word resolved, plain JSON that can be stored, hashed and shown. */
import { dirname, resolve } from 'node:path';

import { z } from 'zod';

import { assertEmpty } from '../../clusters/folders.ts';
import { freeBytes, roomNeeded } from '../../clusters/room.ts';
import type { AskContext, Prepared } from '../../gate/operation.ts';
import type { ServerName } from '../../kernel/ids.ts';
import { type Lsn, lsnBytes } from '../../kernel/lsn.ts';
import { formatAge, formatLocal, formatUtc } from '../../kernel/moment.ts';
import { Problem } from '../../kernel/problem.ts';
import { countSegments } from '../coverage.ts';
import type { RecoveryDeps } from '../deps.ts';
import { TABLE_UNKNOWN } from '../problems.ts';
import { type FoundBase, requireBase, requireTarget } from '../refusals.ts';
import { namesInUrl } from '../server-url.ts';
import { requireServer } from '../servers.ts';
import {
  PathJson,
  pathJson,
  ServerNameText,
  SummaryJson,
  summaryJson,
  TargetJson,
} from '../summary-schema.ts';
import { surveyOnceStored } from '../survey.ts';
import { readTarget, type Target } from '../target.ts';
import { forecastRestore } from './forecast.ts';

export const RestoreInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: the only one' }),
  to: z
    .string()
    .default('latest')
    .meta({ description: 'a moment, a log position, xid:N or latest (the default)' }),
  tables: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'tables to bring back into production afterwards, with an approval' }),
  database: z.string().optional().meta({ description: 'which database the tables are in' }),
  into: z.string().optional().meta({ description: 'restore into this empty folder, and keep it' }),
});
export type RestoreInput = z.infer<typeof RestoreInput>;

export const RestorePlan = z.strictObject({
  server: ServerNameText,
  /** The best copy's; `copies` names every store that holds the backup, this one first. */
  store: z.string(),
  copies: z.array(z.string()).default([]),
  /** Where its log is read: what one lacks another may have. Empty: from `store`. */
  walStores: z.array(z.string()).default([]),
  target: TargetJson,
  /** The target for readers; null: it is no moment. */
  targetUtc: z.string().nullable(),
  targetLocal: z.string().nullable(),
  base: SummaryJson,
  path: PathJson,
  walFrom: z.string(),
  walTo: z.string(),
  segments: z.number(),
  covered: z.enum(['yes', 'unknown']),
  database: z.string(),
  tables: z.array(z.string()),
  /** Absolute; null: the scratch folder. */
  into: z.string().nullable(),
  /** Null: it stays. */
  keepSeconds: z.number().nullable(),
  warnings: z.array(z.string()),
});
export type RestorePlan = z.infer<typeof RestorePlan>;

export const RestoreOutlook = z.strictObject({
  forecastSeconds: z.number(),
  forecastFromSeconds: z.number(),
  forecastToSeconds: z.number(),
  forecastBasis: z.string(),
  /** `17 minutes ago`. */
  age: z.string().nullable(),
  neededBytes: z.number(),
  freeBytes: z.number(),
});
export type RestoreOutlook = z.infer<typeof RestoreOutlook>;

const IDENTIFIER = /^[^\s.",;]+$/;

/** @throws Problem SERVER_UNKNOWN, TARGET_*, DST_AMBIGUOUS, NO_BACKUPS, WAL_HOLE, CLUSTER_PLACE_TAKEN */
export async function planRestore(
  deps: RecoveryDeps,
  input: RestoreInput,
  context: AskContext,
): Promise<Prepared<RestorePlan>> {
  const { name, server } = requireServer(deps.servers, input.server);
  assertTableWords(input.tables);
  const reader = { zone: context.actor.zone, now: deps.clock.now() };
  const target = requireTarget(input.to, readTarget(input.to, reader), reader);
  const survey = await surveyOnceStored(deps, { server: name, target }, context);
  const { passedOver } = survey;
  const found = requireBase(survey.choice, { server: name, target, passedOver }, reader);
  const into = input.into === undefined ? null : resolve(input.into);
  if (into !== null) await assertEmpty(into);
  const { path, base } = found;
  const plan: RestorePlan = {
    server: name,
    store: survey.stores[0]?.name ?? '',
    copies: survey.stores.map((store) => store.name),
    walStores: survey.walStores.map((store) => store.name),
    target,
    ...shown(target, reader.zone),
    base: summaryJson(base),
    path: pathJson(path),
    walFrom: path.fromLsn,
    walTo: path.toLsn,
    segments: countSegments(path, base.segmentBytes),
    covered: found.covered,
    database: input.database ?? server.databases?.[0] ?? namesInUrl(server.url).database,
    tables: input.tables,
    into,
    keepSeconds: into === null ? deps.scratch.keepSeconds : null,
    warnings: [
      ...(await clockWarnings(deps, { server: name, target })),
      ...survey.warnings,
      ...warningsOf(found, target),
    ],
  };
  return { plan, outlook: await lookAhead(deps, plan, reader.now) };
}

function assertTableWords(tables: readonly string[]): void {
  for (const table of tables) {
    const parts = table.split('.');
    if (parts.length <= 2 && parts.every((part) => IDENTIFIER.test(part))) continue;
    throw new Problem(TABLE_UNKNOWN, `Cannot read "${table}" as the name of a table`, {
      hint: 'Write `orders` or `sales.orders`, several with commas between them.',
    });
  }
}

function shown(target: Target, zone: string): Pick<RestorePlan, 'targetUtc' | 'targetLocal'> {
  if (target.kind !== 'time') return { targetUtc: null, targetLocal: null };
  const at = Temporal.Instant.from(target.at);
  return { targetUtc: formatUtc(at), targetLocal: zone === 'UTC' ? null : formatLocal(at, zone) };
}

/** As monitoring tells of it. */
const ClockDiffers = z.object({ code: z.literal('CLOCK_DIFFERS'), summary: z.string() });

/** The log has the server's times, and whoever asks has another clock. */
async function clockWarnings(
  { catalog }: Pick<RecoveryDeps, 'catalog'>,
  { server, target }: { readonly server: ServerName; readonly target: Target },
): Promise<readonly string[]> {
  if (target.kind !== 'time') return [];
  const findings = (await catalog.findings?.list(server)) ?? [];
  return findings.flatMap((finding) => {
    const read = ClockDiffers.safeParse(finding);
    return read.success
      ? [
          `${read.data.summary}. The target is found by the times in the log, which are the server's.`,
        ]
      : [];
  });
}

function warningsOf({ base, path, covered }: FoundBase, target: Target): readonly string[] {
  const warnings: string[] = [];
  if (base.damagedFiles.length > 0)
    warnings.push(`Backup ${base.backupId} has ${base.damagedFiles.length} damaged files.`);
  if (path.thinned === true)
    warnings.push(
      `Backup ${base.backupId} is kept for its own moment: the copy stands ${target.kind === 'lsn' ? 'in its own log' : 'where the backup ended'}.`,
    );
  else if (path.broken)
    warnings.push(
      `WAL is missing after ${path.toLsn}; if the target lies behind it, the restore will say so.`,
    );
  else if (covered === 'unknown' && target.kind === 'time')
    warnings.push(
      'Nothing here tells up to which moment WAL is stored; the restore will say where it ended.',
    );
  if (target.kind === 'xid')
    warnings.push('A transaction older than the chosen backup cannot be found from it.');
  return warnings;
}

async function lookAhead(
  deps: RecoveryDeps,
  plan: RestorePlan,
  now: Temporal.Instant,
): Promise<RestoreOutlook> {
  const walBytes = distance(plan.path.fromLsn, plan.path.toLsn);
  const measured = (await deps.measuredRates?.()) ?? [];
  const sizes = { sourceBytes: plan.base.sourceBytes, walBytes };
  const forecast = forecastRestore(sizes, measured);
  return {
    forecastSeconds: forecast.seconds,
    forecastFromSeconds: forecast.fromSeconds,
    forecastToSeconds: forecast.toSeconds,
    forecastBasis: forecast.basis,
    age: plan.target.kind === 'time' ? formatAge(Temporal.Instant.from(plan.target.at), now) : null,
    neededBytes: roomNeeded(plan.base.sourceBytes, walBytes),
    freeBytes: await freeBytes(plan.into === null ? deps.scratch.path : dirname(plan.into)),
  };
}

function distance(from: Lsn, to: Lsn): number {
  return Number(lsnBytes(to) - lsnBytes(from));
}
