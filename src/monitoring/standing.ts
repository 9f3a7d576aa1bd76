/** How one server stands, as the catalogue remembers it: works with the server and Slack down. */
import { z } from 'zod';

import { lastProofAt } from '../catalog/last-proof.ts';
import type { BackupRecord, WalProgressRecord } from '../catalog/records.ts';
import { ownLogEnd } from '../engines/own-log.ts';
import type { Clock } from '../kernel/clock.ts';
import { isAhead } from '../kernel/clock-off.ts';
import { compareLsn, isLsn, type Lsn } from '../kernel/lsn.ts';
import type { MonitoringDeps, WatchedServer } from './deps.ts';
import { type StoreStanding, standingOfStores, worstRpo } from './store-standing.ts';

/** Moments are RFC 3339 in UTC. Null: there is none, or nobody knows. */
export interface Standing {
  /** Of backups that are not known to be damaged. */
  readonly lastBackupAt: string | null;
  /** The newest PASS of what was the newest backup then: an older one says nothing of today. */
  readonly lastVerifiedAt: string | null;
  readonly recoverableFrom: string | null;
  readonly recoverableTo: string | null;
  /** What would be lost if the server were gone this moment: in the worst of the stores that count. */
  readonly rpoSeconds: number | null;
  /** As the newest proof measured it. */
  readonly rtoSeconds: number | null;
  /** In the order of the config. */
  readonly stores: readonly StoreStanding[];
}

/** One that nobody can read says nothing. */
const LsnText = z
  .custom<Lsn>((value) => typeof value === 'string' && isLsn(value))
  .optional()
  .catch(undefined);

const Summary = z.object({
  endedAt: z.string(),
  damagedFiles: z.array(z.string()).default([]),
  systemId: z.string().optional(),
  timeline: z.number().optional(),
  endLsn: LsnText,
  proofLsn: LsnText,
});
/** A due backup of a large server takes its time; after that it was missed. */
const BACKUP_GRACE_SECONDS = 6 * 3600;

/** How long an older backup takes says nothing of today's. */
const Proof = z.object({ rtoSeconds: z.number(), isNewest: z.literal(true).default(true) });

/** Among so many runs the last proof is found; more are days old. */
const RUNS_MAX = 200;

/** What of the catalogue it reads. */
export interface StandingDeps extends Pick<MonitoringDeps, 'windowFrom'> {
  readonly clock: Pick<Clock, 'now'>;
  readonly catalog: {
    readonly backups: Pick<MonitoringDeps['catalog']['backups'], 'list'>;
    readonly walProgress: Pick<MonitoringDeps['catalog']['walProgress'], 'find'>;
    readonly runs: Pick<MonitoringDeps['catalog']['runs'], 'list'>;
  };
}

/** The last due backup that has had its time; undefined: no schedule is known. */
export function dueBackup(
  { name }: WatchedServer,
  { backupDueAt, clock }: Pick<MonitoringDeps, 'backupDueAt' | 'clock'>,
): Temporal.Instant | undefined {
  return backupDueAt?.(name, clock.now().subtract({ seconds: BACKUP_GRACE_SECONDS }));
}

export async function readStanding(server: WatchedServer, deps: StandingDeps): Promise<Standing> {
  const { catalog, clock } = deps;
  const backups = await catalog.backups.list(server.name);
  const progress = new Map<string, WalProgressRecord>();
  for (const store of server.stores) {
    const row = await catalog.walProgress.find(server.name, store);
    if (row !== undefined) progress.set(store, row);
  }
  const logs = [...progress.values()];
  const ends = backups
    .filter((row) => isSound(row) && isWhole(row, logs))
    .flatMap(endOf)
    .toSorted();
  // Older ones are kept for their own moments only.
  const now = clock.now();
  const window = deps.windowFrom?.(server.name, backups, now);
  const last = ends.findLast((end) => !isAhead(end, now)) ?? ends.at(-1);
  const wal = progress.get(server.stores[0] ?? '');
  const { stores: names } = server;
  const stores = standingOfStores({ stores: names, backups, progress, now });
  return {
    lastBackupAt: last ?? null,
    lastVerifiedAt: lastProofAt(backups) ?? null,
    ...reachOf({ oldest: ends.at(0), window, storedAt: wal?.at, last }),
    rpoSeconds: worstRpo(stores),
    rtoSeconds: await measuredRto(server, deps),
    stores,
  };
}

interface Reach {
  /** End of the oldest backup; undefined: there is none, and nothing can be returned to. */
  readonly oldest: string | undefined;
  readonly window: string | undefined;
  readonly storedAt: string | undefined;
  readonly last: string | undefined;
}

function reachOf({
  oldest,
  window,
  storedAt,
  last,
}: Reach): Pick<Standing, 'recoverableFrom' | 'recoverableTo'> {
  if (oldest === undefined) return { recoverableFrom: null, recoverableTo: null };
  return {
    recoverableFrom: latest(oldest, window) ?? null,
    recoverableTo: latest(storedAt, last) ?? null,
  };
}

/** Damaged on the server when it was taken, or found bad since: nobody should count on it. */
function isSound({ summary, verdict }: BackupRecord): boolean {
  const read = Summary.safeParse(summary);
  return read.success && read.data.damagedFiles.length === 0 && verdict !== 'FAIL';
}

/**
 * One that was interrupted before its log was stored is no backup yet. Only the log of its own cluster
 * and timeline can say so.
 */
function isWhole({ summary }: BackupRecord, logs: readonly WalProgressRecord[]): boolean {
  const { systemId, timeline, endLsn, proofLsn } = Summary.safeParse(summary).data ?? {};
  const own = logs.filter((log) => log.systemId === systemId && log.timeline === timeline);
  if (own.length === 0 || endLsn === undefined) return true;
  const end = ownLogEnd({ endLsn, proofLsn });
  return own.some(({ storedLsn }) => isLsn(storedLsn) && compareLsn(storedLsn, end) >= 0);
}

function endOf({ summary }: BackupRecord): readonly string[] {
  const read = Summary.safeParse(summary);
  return read.success ? [read.data.endedAt] : [];
}

function latest(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const isA = Temporal.Instant.compare(Temporal.Instant.from(a), Temporal.Instant.from(b)) >= 0;
  return isA ? a : b;
}

export function ageSeconds(at: string, now: Temporal.Instant): number {
  const seconds = now.since(Temporal.Instant.from(at)).total('seconds');
  return Math.max(0, Math.round(seconds * 1000) / 1000);
}

async function measuredRto(
  server: WatchedServer,
  { catalog }: StandingDeps,
): Promise<number | null> {
  const runs = await catalog.runs.list({
    server: server.name,
    states: ['done'],
    limit: RUNS_MAX,
  });
  for (const { operation, result } of runs) {
    const read = Proof.safeParse(result);
    if (operation === 'verify' && read.success) return read.data.rtoSeconds;
  }
  return null;
}
