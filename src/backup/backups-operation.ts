/** The operation `backups`: which base backups there are, where, and whether they were proved. */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import { type BackupDeps, requireServer, serverNames } from './deps.ts';
import { type Found, type FoundBackup, findBackups } from './found-backups.ts';

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

const BackupLine = z.strictObject({
  server: z.string(),
  backupId: z.string(),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: z.number(),
  storedBytes: z.number(),
  beginLsn: z.string(),
  endLsn: z.string(),
  /** Which copies it is kept as (daily, weekly, …); empty while nothing is thinned out. */
  tiers: z.array(z.string()),
  verified: z.strictObject({ verdict: z.string(), at: z.string() }).nullable(),
  stores: z.array(z.string()),
  damagedFiles: z.array(z.string()),
});

export const BackupsReport = z.strictObject({
  /** Oldest first. */
  backups: z.array(BackupLine),
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
      const found: Found[] = [];
      for (const server of servers)
        found.push(await findBackups(deps, requireServer(deps, server).name, { signal }));
      return reportBackups(found, all ? Number.POSITIVE_INFINITY : NEWEST);
    },
    exitCode: ({ unreadable, unreachable }) => {
      // Without the key nobody can tell whether a backup is bad.
      const isLocked = unreadable.some(({ code }) => code?.startsWith('KEY_') === true);
      if (unreachable.length > 0 || isLocked) return 4;
      return unreadable.length > 0 ? 1 : 0;
    },
  };
}

/** Pure. */
export function reportBackups(found: readonly Found[], newest: number): BackupsReport {
  const shown = found.flatMap(({ backups }) => backups.slice(-newest));
  const total = found.reduce((sum, { backups }) => sum + backups.length, 0);
  return {
    backups: shown.map(lineOf),
    older: total - shown.length,
    unreadable: found.flatMap(({ unreadable }) => unreadable),
    unreachable: found.flatMap(({ unreachable }) => unreachable),
  };
}

function lineOf({ summary, stores, verified }: FoundBackup): BackupsReport['backups'][number] {
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
    tiers: [],
    verified,
    stores: [...stores],
    damagedFiles,
  };
}
