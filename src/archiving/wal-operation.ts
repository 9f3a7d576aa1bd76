/** The operation `wal`: what is stored of a server's log, what is missing, how far it is behind. */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import { type ArchivingOperationDeps, requireServer } from './deps.ts';
import { measureWal } from './measure.ts';
import { reportWal } from './report-wal.ts';
import { WalReport, walState } from './wal-report.ts';

const WalInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: the only one' }),
});
type WalInput = z.infer<typeof WalInput>;

const WalPlan = z.strictObject({ server: z.string() });
type WalPlan = z.infer<typeof WalPlan>;

export function walOperation(
  deps: ArchivingOperationDeps,
): Operation<WalInput, WalPlan, WalReport> {
  return {
    name: 'wal',
    summary: 'Show how far the log is stored, and whether anything of it is missing',
    words: {
      positional: ['server'],
      describe: { server: 'which server; default: the only one' },
      examples: ['wal', 'wal shop'],
    },
    input: WalInput,
    plan: WalPlan,
    result: WalReport,
    prepare: async ({ server }) => ({
      plan: { server: requireServer(deps.servers, server).name },
    }),
    danger: () => 'none',
    locks: () => [],
    explain: ({ server }) => ({
      title: `Look at the stored WAL of ${server}`,
      facts: [['Server', server]],
      warnings: [],
      approveLabel: `Look at the WAL of ${server}`,
      command: `npx dbdr wal ${server}`,
    }),
    recheck: async ({ server }) => {
      requireServer(deps.servers, server);
    },
    run: async ({ server: name }, { signal }) => {
      const server = requireServer(deps.servers, name);
      const measure = await measureWal(server, deps, { signal });
      const backups = await deps.catalog.backups.list(server.name);
      return reportWal({ server, measure, backups, follow: deps.follow });
    },
    exitCode: (report) => EXIT_CODES[walState(report)],
  };
}

/** A hole is a result that is not good; a store that was not looked into may have one. */
const EXIT_CODES = { whole: 0, hole: 1, unknown: 4 } as const;
