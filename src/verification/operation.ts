/**
 * `verify`: proves that a backup can be restored, by restoring it. Harms nobody: production is only read,
 * but for one small message in its log.
 */
import { z } from 'zod';

import type { BackupSummary } from '../engines/engine.ts';
import type { Operation } from '../gate/operation.ts';
import { isServerName, type ServerName } from '../kernel/ids.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { unknownName, unknownServer } from '../kernel/unknown-name.ts';
import type { NamedStore } from '../recovery/deps.ts';
import { namesInUrl } from '../recovery/server-url.ts';
import { isStillStored } from '../recovery/still-stored.ts';
import { summaryJson } from '../recovery/summary-schema.ts';
import { chooseOlderCopy } from './choose-older.ts';
import { chooseCopy } from './choose-store.ts';
import type { VerificationDeps, VerifiedServer } from './deps.ts';
import { explainProof } from './explain.ts';
import { VerifyPlan } from './plan.ts';
import { PLAN_OUTDATED, SERVER_UNKNOWN, STORE_UNKNOWN } from './problems.ts';
import { requireStore } from './proving.ts';
import { reportOf } from './report.ts';
import { VerifyResult } from './result.ts';
import { prove } from './run.ts';

const DEADLINE_MS = 24 * 3_600_000;

const VerifyInput = z
  .strictObject({
    server: z.string().optional().describe('Which server; default: the only one'),
    backup: z.string().optional().describe('Which backup; default: the newest'),
    store: z.string().optional().describe('From which store; default: the one proved longest ago'),
    older: z.boolean().default(false).describe('The older backup whose turn it is'),
  })
  .refine(({ backup, older }) => backup === undefined || !older, {
    message: 'says which backup already, so it goes without --older',
    path: ['backup'],
  });
type VerifyInput = z.infer<typeof VerifyInput>;

export type VerifyOperation = Operation<VerifyInput, VerifyPlan, VerifyResult>;

export function verifyOperation(deps: VerificationDeps): VerifyOperation {
  return {
    name: 'verify',
    summary: 'Prove that the newest backup can be restored, by restoring it',
    words: {
      positional: ['server'],
      describe: {},
      examples: [
        'verify',
        'verify shop',
        'verify shop --older',
        'verify shop --backup 20261122T010000Z --store west',
      ],
    },
    input: VerifyInput,
    plan: VerifyPlan,
    result: VerifyResult,
    deadlineMs: DEADLINE_MS,
    prepare: async (input, { signal }) => ({ plan: await planProof(deps, input, signal) }),
    danger: () => 'low',
    // Two proofs of one server would fight for disk and tell the same.
    locks: ({ server }) => [`verify:${server}`],
    explain: explainProof,
    recheck: async (plan, { signal }) => {
      requireStore(deps, plan);
      if (deps.servers[plan.server] === undefined) {
        const message = `Cannot prove "${plan.server}": the config does not name it any more`;
        throw new Problem(PLAN_OUTDATED, message);
      }
      await requireKept(deps, plan, signal);
    },
    run: async (plan, run) => reportOf(deps, plan, await prove(deps, plan, run)),
    exitCode: ({ verdict }) => EXIT_CODES[verdict],
  };
}

/** One that retention removed is no damaged one: nobody must be told that a proof failed. */
async function requireKept(
  deps: VerificationDeps,
  { server, store, base }: VerifyPlan,
  signal: AbortSignal,
): Promise<void> {
  const planned = { server, base, stores: [store] };
  try {
    if (await isStillStored(deps.recovery, planned, { signal })) return;
  } catch (error) {
    // The proof itself says that the store cannot be read.
    if (isProblem(error)) return;
    throw error;
  }
  const known = await deps.catalog.backups.list(server);
  if (known.some((row) => row.backupId === base.backupId && row.store === store)) return;
  throw new Problem(
    PLAN_OUTDATED,
    `Cannot prove backup ${base.backupId} of "${server}": it has been removed from "${store}" since`,
    { hint: 'Ask again: a newer one is proved then.' },
  );
}

/** Not looked at is not proved. */
const EXIT_CODES = { PASS: 0, FAIL: 1, ERROR: 4, SKIPPED: 4 } as const;

async function planProof(
  deps: VerificationDeps,
  input: VerifyInput,
  signal: AbortSignal,
): Promise<VerifyPlan> {
  const { name, server } = requireServer(deps, input.server);
  const stores = storesFor(deps, name, input.store);
  const wish = { server: name, stores, isAsked: input.store !== undefined, backup: input.backup };
  const choose = input.older ? chooseOlderCopy : chooseCopy;
  const copy = await choose(deps, wish, { signal });
  return {
    server: name,
    store: copy.store.name,
    why: copy.why,
    passedOver: [...copy.passedOver],
    base: summaryJson(copy.base),
    which: copy.which,
    isNewest: copy.isNewest,
    databases: [...(server.databases ?? [namesInUrl(server.url).database])],
    tables: server.verification.tables,
    mode: 'exact',
    hash: server.verification.hash,
    cost: costOf(server, copy),
    maxAgeSeconds: Temporal.Duration.from(server.verification.max_age).total('seconds'),
    unreadable: copy.listing.unreadable.map(({ key, reason }) => ({ key, reason })),
  };
}

/** Null: an older backup that says by itself what it must hold. */
function costOf(
  { verification }: VerifiedServer,
  { base, isNewest }: { readonly base: BackupSummary; readonly isNewest: boolean },
): VerifyPlan['cost'] {
  if (!isNewest && base.proofLsn !== undefined) return null;
  return {
    snapshotSeconds: verification.snapshot_seconds,
    lockSeconds: verification.lock_seconds,
    parallel: verification.parallel,
    fromStandby: verification.read_from !== undefined,
  };
}

/** @throws Problem VERIFY_SERVER_UNKNOWN */
function requireServer(
  { servers }: VerificationDeps,
  said: string | undefined,
): { readonly name: ServerName; readonly server: VerifiedServer } {
  const names = Object.keys(servers).filter(isServerName);
  const name = said === undefined && names.length === 1 ? names[0] : names.find((n) => n === said);
  const server = name === undefined ? undefined : servers[name];
  if (name !== undefined && server !== undefined) return { name, server };
  throw unknownServer(SERVER_UNKNOWN, said, names);
}

/** The one that was asked for, or all of them. @throws Problem VERIFY_STORE_UNKNOWN */
function storesFor(
  { recovery }: VerificationDeps,
  server: ServerName,
  said: string | undefined,
): readonly NamedStore[] {
  const stores = recovery.storesOf(server);
  if (said === undefined) return stores;
  const store = stores.find(({ name }) => name === said);
  if (store !== undefined) return [store];
  const known = stores.map(({ name }) => name);
  throw unknownName(STORE_UNKNOWN, { what: 'store', name: said, known });
}
