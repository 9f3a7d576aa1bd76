/** The operation `backups`: which base backups there are, where, and whether they were proved. */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import { toLsn } from '../kernel/lsn.ts';
import { type BackupDeps, requireServer, serverNames } from './deps.ts';
import { type Found, type FoundBackup, findBackups } from './found-backups.ts';
import { countClusters } from './other-clusters.ts';
import { readOwnLog } from './own-log.ts';

/** Shown of each server unless all are asked for. */
const NEWEST = 30;

const BackupsInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: all of them' }),
  all: z
    .boolean()
    .optional()
    .meta({ description: `every backup, not only the newest ${NEWEST} of each server` }),
});
type BackupsInput = z.infer<typeof BackupsInput>;

const BackupsPlan = z.strictObject({ servers: z.array(z.string()), all: z.boolean() });
type BackupsPlan = z.infer<typeof BackupsPlan>;

const Verified = z.strictObject({ verdict: z.string(), at: z.string() });

const BackupLine = z.strictObject({
  server: z.string(),
  backupId: z.string(),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: z.number(),
  storedBytes: z.number(),
  beginLsn: z.string(),
  endLsn: z.string(),
  /** Which periods it stands for: daily, weekly, monthly. `retention` tells every reason. */
  tiers: z.array(z.string()),
  /** The newest FAIL of any copy, else the newest verdict: a good copy does not hide a bad one. */
  verified: Verified.nullable(),
  /** Where it can be read. */
  stores: z.array(z.string()),
  copies: z.array(
    z.strictObject({
      store: z.string(),
      verified: Verified.nullable(),
      /** Why its manifest cannot be read; null: it can. */
      unreadable: z.string().nullable(),
    }),
  ),
  /** Is all the log stored that belongs to it? Without it, it is no backup yet. Null: unknown. */
  walComplete: z.boolean().nullable(),
  damagedFiles: z.array(z.string()),
});

export const BackupsReport = z.strictObject({
  /** Oldest first. */
  backups: z.array(BackupLine),
  /** Of each server, the one with the newest backup first: more than one is worth a look. */
  clusters: z.array(
    z.strictObject({
      server: z.string(),
      systemId: z.string(),
      major: z.number(),
      backups: z.number(),
      newestAt: z.string(),
    }),
  ),
  /** How many older ones are not shown. */
  older: z.number(),
  unreadable: z.array(
    z.strictObject({
      store: z.string(),
      key: z.string(),
      reason: z.string(),
      code: z.string().nullable(),
      hint: z.string().nullable(),
    }),
  ),
  /** Stores that did not answer: of them the catalogue tells what it remembers. */
  unreachable: z.array(z.strictObject({ store: z.string(), reason: z.string() })),
});
export type BackupsReport = z.infer<typeof BackupsReport>;

export function backupsOperation(
  deps: BackupDeps,
): Operation<BackupsInput, BackupsPlan, BackupsReport> {
  return {
    name: 'backups',
    summary: 'List base backups, where they are, and whether they were proved',
    words: {
      positional: ['server'],
      describe: {
        server: 'which server; default: all of them',
        all: `every backup, not only the newest ${NEWEST} of each server`,
      },
      examples: ['backups', 'backups shop --all'],
    },
    input: BackupsInput,
    plan: BackupsPlan,
    result: BackupsReport,
    prepare: async ({ server, all = false }) => ({
      plan: {
        servers: server === undefined ? [...serverNames(deps)] : [requireServer(deps, server).name],
        all,
      },
    }),
    danger: () => 'none',
    locks: () => [],
    explain: ({ servers, all }) => ({
      title: `List backups of ${servers.join(', ')}`,
      facts: [['Servers', servers.join(', ')]],
      warnings: [],
      approveLabel: 'List backups',
      command: `npx dbdr backups${servers.length === 1 ? ` ${servers[0] ?? ''}` : ''}${all ? ' --all' : ''}`,
    }),
    recheck: async ({ servers }) => {
      for (const server of servers) requireServer(deps, server);
    },
    run: async ({ servers, all }, { signal }) => {
      const reports: BackupsReport[] = [];
      for (const server of servers) {
        const { name } = requireServer(deps, server);
        const found = await findBackups(deps, name, { signal });
        const shown = all ? found.backups : found.backups.slice(-NEWEST);
        const lines = await withLogs(deps, shown, { signal });
        reports.push(reportBackups(found, lines, deps.tiersOf?.(name, found.backups)));
      }
      return joinReports(reports);
    },
    exitCode: ({ unreadable, unreachable }) => {
      // Without the key nobody can tell whether a backup is bad.
      const isLocked = unreadable.some(({ code }) => code?.startsWith('KEY_') === true);
      if (unreachable.length > 0 || isLocked) return 4;
      return unreadable.length > 0 ? 1 : 0;
    },
  };
}

export interface ShownBackup extends FoundBackup {
  readonly walComplete: boolean | null;
}

/** So many at once: a store that is far away answers each in a moment, and all of them together. */
const ASKED_AT_ONCE = 8;

async function withLogs(
  deps: BackupDeps,
  backups: readonly FoundBackup[],
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly ShownBackup[]> {
  const shown: ShownBackup[] = [];
  for (let at = 0; at < backups.length; at += ASKED_AT_ONCE)
    shown.push(
      ...(await Promise.all(
        backups.slice(at, at + ASKED_AT_ONCE).map(async (backup) => {
          const { server, beginLsn, endLsn, proofLsn } = backup.summary;
          const own = { ...backup.summary, server: requireServer(deps, server).name };
          const lsns = {
            beginLsn: toLsn(beginLsn),
            endLsn: toLsn(endLsn),
            proofLsn: proofLsn === undefined ? undefined : toLsn(proofLsn),
          };
          return {
            ...backup,
            walComplete: await readOwnLog(deps, { ...own, ...lsns }, { signal }),
          };
        }),
      )),
    );
  return shown;
}

/** Pure. */
export function reportBackups(
  found: Found,
  shown: readonly ShownBackup[],
  tiers: ReadonlyMap<string, readonly string[]> = new Map(),
): BackupsReport {
  return {
    backups: shown.map((one) => {
      const { systemId, backupId } = one.summary;
      return lineOf(one, tiers.get(`${systemId}/${backupId}`) ?? []);
    }),
    clusters: clustersOf(found),
    older: found.backups.length - shown.length,
    unreadable: [...found.unreadable],
    unreachable: [...found.unreachable],
  };
}

function clustersOf({ backups }: Found): BackupsReport['clusters'] {
  const [first] = backups;
  if (first === undefined) return [];
  const { server } = first.summary;
  const counts = countClusters(backups.map(({ summary }) => summary));
  return counts.map((count) => ({ server, ...count }));
}

function joinReports(reports: readonly BackupsReport[]): BackupsReport {
  return {
    backups: reports.flatMap(({ backups }) => backups),
    clusters: reports.flatMap(({ clusters }) => clusters),
    older: reports.reduce((sum, { older }) => sum + older, 0),
    unreadable: reports.flatMap(({ unreadable }) => unreadable),
    unreachable: reports.flatMap(({ unreachable }) => unreachable),
  };
}

function lineOf(shown: ShownBackup, tiers: readonly string[]): BackupsReport['backups'][number] {
  const { summary, stores, verified, copies, walComplete } = shown;
  const { server, backupId, beganAt, endedAt, sourceBytes, storedBytes } = summary;
  const { beginLsn, endLsn, damagedFiles } = summary;
  return {
    server,
    backupId,
    beganAt,
    endedAt,
    sourceBytes,
    storedBytes,
    beginLsn,
    endLsn,
    tiers: [...tiers],
    verified,
    stores: [...stores],
    copies: [...copies],
    walComplete,
    damagedFiles,
  };
}
