/** The operation `status`: what each server can be restored to, what is at risk, what was noticed. */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import { type Json, utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { isProblem } from '../kernel/problem.ts';
import { unknownServer } from '../kernel/unknown-name.ts';
import type { MonitoringDeps, WatchedServer } from './deps.ts';
import { ASKED_CODES, JUDGED_CODES, judge } from './judge.ts';
import { SERVER_UNKNOWN } from './problems.ts';
import { readProofs } from './proofs.ts';
import { dueBackup, readStanding } from './standing.ts';
import { StoreStanding } from './store-standing.ts';

const StatusInput = z.strictObject({
  server: z.string().optional().meta({ description: 'which server; default: all of them' }),
});
type StatusInput = z.infer<typeof StatusInput>;

const StatusPlan = z.strictObject({ server: z.string().nullable() });
type StatusPlan = z.infer<typeof StatusPlan>;

const StoredFinding = z.object({
  code: z.string(),
  server: z.string(),
  severity: z.enum(['warn', 'page']),
  summary: z.string(),
  hint: z.string(),
  since: z.string(),
  runbook: z.string().optional(),
  /** The run that says so: `runs --run`. */
  runId: z.string().optional(),
});

const ServerStatus = z.strictObject({
  server: z.string(),
  lastBackupAt: z.string().nullable(),
  lastVerifiedAt: z.string().nullable(),
  hoursSinceLastPass: z.number().nullable(),
  recoverableFrom: z.string().nullable(),
  recoverableTo: z.string().nullable(),
  rpoSeconds: z.number().nullable(),
  rtoSeconds: z.number().nullable(),
  stores: z.array(StoreStanding),
  findings: z.array(StoredFinding),
});

export const StatusResult = z.strictObject({
  servers: z.array(ServerStatus),
  /** Of no one server, such as those of a service or the pager: shown whichever server is asked for. */
  findings: z.array(StoredFinding),
});
export type StatusResult = z.infer<typeof StatusResult>;

export function statusOperation(
  deps: MonitoringDeps,
): Operation<StatusInput, StatusPlan, StatusResult> {
  return {
    name: 'status',
    summary: 'Say what each server can be restored to, and what is at risk',
    words: {
      positional: ['server'],
      describe: { server: 'which server; default: all of them' },
      examples: ['status', 'status shop'],
    },
    input: StatusInput,
    plan: StatusPlan,
    result: StatusResult,
    prepare({ server }) {
      requireServers(deps.servers, server ?? null);
      return Promise.resolve({ plan: { server: server ?? null } });
    },
    danger: () => 'none',
    locks: () => [],
    explain: ({ server }) => ({
      title: server === null ? 'Look at every server' : `Look at ${server}`,
      facts: [],
      warnings: [],
      approveLabel: 'Look',
      command: server === null ? 'npx dbdr status' : `npx dbdr status ${server}`,
    }),
    recheck: () => Promise.resolve(),
    async run({ server }) {
      const wanted = requireServers(deps.servers, server);
      const all = readFindings(await deps.catalog.findings.list());
      return {
        servers: await Promise.all(wanted.map((one) => describe(one, deps))),
        findings: all.filter((finding) => finding.server === ''),
      };
    },
  };
}

/** @throws Problem MONITORING_SERVER_UNKNOWN */
function requireServers(
  servers: readonly WatchedServer[],
  name: string | null,
): readonly WatchedServer[] {
  if (name === null) return servers;
  const found = servers.find((server) => server.name === name);
  if (found !== undefined) return [found];
  const known = servers.map((server) => server.name);
  throw unknownServer(SERVER_UNKNOWN, name, known);
}

async function describe(
  server: WatchedServer,
  deps: MonitoringDeps,
): Promise<StatusResult['servers'][number]> {
  const standing = await readStanding(server, deps);
  const stored = readFindings(await deps.catalog.findings.list(server.name));
  const proofs = await readProofs(server, deps);
  const now = deps.clock.now();
  // Judged afresh: the bot that keeps findings may not have run for a while.
  const backupDueAt = dueBackup(server, deps);
  const fresh = judge({ server, standing, proofs, backupDueAt, now }).map((finding) => ({
    ...finding,
    since: stored.find(({ code }) => code === finding.code)?.since ?? finding.since,
  }));
  const others = stored.filter(({ code }) => !isJudged(code) || ASKED_CODES.includes(code));
  return {
    server: server.name,
    ...standing,
    hoursSinceLastPass: proofs.hoursSinceLastPass,
    stores: [...standing.stores],
    findings: [...keyFindings(server, deps), ...fresh, ...others],
  };
}

/** Whatever is stored, without its key nothing of it can be restored. */
function keyFindings({ name }: WatchedServer, { ring, clock }: MonitoringDeps): readonly Finding[] {
  try {
    // Asked for nothing but whether it answers.
    ring?.keyIds.at(0);
    return [];
  } catch (error) {
    if (!isProblem(error)) throw error;
    const { kind, message, hint } = error;
    const since = utcText(clock.now());
    return [{ code: kind.code, server: name, severity: 'page', summary: message, hint, since }];
  }
}

function isJudged(code: string): boolean {
  return JUDGED_CODES.some((one) => one === code);
}

function readFindings(rows: readonly Json[]): readonly z.infer<typeof StoredFinding>[] {
  return rows.flatMap((row) => {
    const read = StoredFinding.safeParse(row);
    return read.success ? [read.data] : [];
  });
}
