/**
 * Does a plan of removal. The order protects: locks of what stays are made longer first; then backups go,
 * newest first, each decided once more; then log, by what is stored at that moment. It can be stopped or
 * killed anywhere and done again, and a plan that grew old removes less, never more.
 */
import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { type RetentionDeps, requireServer } from './deps.ts';
import { extendLocks } from './extend-locks.ts';
import type { RetentionFacts } from './facts.ts';
import { type GatheredFacts, gatherFacts } from './gather.ts';
import { LOCK_STEP } from './keep-locks.ts';
import { requireOpen } from './look.ts';
import { planRetention, walRulesOfStored } from './plan.ts';
import { type Removal, removeBackup, type Tally } from './remove-backups.ts';
import { type LogRules, removeLog } from './remove-log.ts';
import type { RetentionPlan, RetentionResult } from './schema.ts';

export const NOT_APPLIED = 'RETENTION_NOT_APPLIED';

export async function applyRetention(
  deps: RetentionDeps,
  plan: RetentionPlan,
  run: Run,
): Promise<RetentionResult> {
  const { name: server } = requireServer(deps, plan.server);
  const { signal } = run;
  const tally: Tally = {
    removedObjects: 0,
    freedBytes: 0,
    lockedObjects: 0,
    stayed: [],
    refused: new Map(),
  };
  const stores = deps.storesOf(server);
  const removal: Removal = { deps, server, holder: run.id, signal, run, stores, tally };
  const facts = await run.step('Look at what is stored', async () =>
    gatherOpen(deps, server, signal),
  );
  const lockedLonger = await lockLonger(removal, facts);
  await removeBackups(removal, plan, facts);
  await run.step('Remove log', async () => {
    // Everything that is stored now keeps its log, whether it should still be there or not.
    const now = await gatherOpen(deps, server, signal);
    await removeLog(removal, rulesFor(plan, now));
  });
  await tellFinding(removal);
  return resultOf(plan, tally, lockedLonger);
}

/** @throws Problem RETENTION_BLOCKED */
async function gatherOpen(
  deps: RetentionDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<GatheredFacts> {
  const facts = await gatherFacts(deps, server, { signal });
  requireOpen(server, planRetention(facts));
  return facts;
}

/** What stays is safe before anything goes. */
async function lockLonger(removal: Removal, facts: GatheredFacts): Promise<number> {
  const { run, server, stores, signal } = removal;
  if (stores.every(({ store }) => store.locks === undefined)) return 0;
  const decision = planRetention(facts);
  return await run.step(LOCK_STEP, async () => {
    const { objects, failures } = await extendLocks({ server, stores, facts, decision, signal });
    const [failed] = failures;
    if (failed !== undefined) throw failed.problem;
    return objects;
  });
}

async function removeBackups(
  removal: Removal,
  plan: RetentionPlan,
  facts: RetentionFacts,
): Promise<void> {
  if (plan.remove.length === 0) return;
  const words = plan.remove.length === 1 ? '1 backup' : `${plan.remove.length} backups`;
  await removal.run.step(`Remove ${words}`, async (step) => {
    let left = facts;
    for (const [index, planned] of plan.remove.entries()) {
      removal.signal.throwIfAborted();
      step.progress({ note: `${planned.backupId}, ${index + 1} of ${plan.remove.length}` });
      left = await removeBackup(removal, planned, left);
    }
  });
}

/** A cluster that the plan does not know keeps all its log. */
function rulesFor(plan: RetentionPlan, now: RetentionFacts): readonly LogRules[] {
  const present = walRulesOfStored(now);
  return plan.wal.flatMap((planned) => {
    const same = present.find(
      ({ major, systemId }) => major === planned.major && systemId === planned.systemId,
    );
    if (same !== undefined) return [{ planned, now: same }];
    // After the last backup of a former cluster nothing needs its log, unless one is there that nobody
    // can read.
    const isGone = !now.unreadable.some(({ systemId }) => systemId === planned.systemId);
    const nothing = { ...planned, from: [], ranges: [], all: null };
    return isGone && planned.from.length === 0 ? [{ planned, now: nothing }] : [];
  });
}

async function tellFinding({ deps, server, tally }: Removal): Promise<void> {
  const { findings } = deps.catalog;
  const [first] = tally.refused;
  if (first === undefined) {
    await findings.close(NOT_APPLIED, server);
    return;
  }
  const [store, problem] = first;
  const at = utcText(deps.clock.now());
  await findings.open({
    code: NOT_APPLIED,
    server,
    at,
    finding: {
      code: NOT_APPLIED,
      server,
      severity: 'warn',
      summary: `Backups of ${server} that no rule keeps stay in "${store}": ${problem.message}`,
      hint: hintOf(problem),
      since: at,
    },
  });
}

/** What to do where the credentials may not remove. */
const DELETER_HINT =
  'Give the store a `deleter` in the config, with credentials that may remove, or let somebody who may remove run `retention --apply`.';
/** Of the storage room. */
const REMOVE_DENIED = 'STORAGE_REMOVE_DENIED';

function hintOf(problem: Problem): string {
  return isProblem(problem) && problem.kind.code === REMOVE_DENIED ? DELETER_HINT : problem.hint;
}

function resultOf(plan: RetentionPlan, tally: Tally, lockedLonger: number): RetentionResult {
  const { apply: _apply, stores: _stores, ...shown } = plan;
  const stayed = new Set(tally.stayed.map(({ backupId }) => backupId));
  return {
    ...shown,
    remove: plan.remove.filter(({ backupId }) => !stayed.has(backupId)),
    applied: true,
    freedBytes: tally.freedBytes,
    stayed: tally.stayed,
    notApplied: [...tally.refused].map(([store, problem]) => ({
      store,
      code: problem.kind.code,
      reason: problem.message,
      hint: hintOf(problem),
    })),
    lockedObjects: tally.lockedObjects,
    lockedLonger,
    removedObjects: tally.removedObjects,
  };
}

/** The answer of a look: nothing was touched. */
export function lookResult(plan: RetentionPlan): RetentionResult {
  const { apply: _apply, stores: _stores, ...shown } = plan;
  return {
    ...shown,
    applied: false,
    stayed: [],
    notApplied: [],
    lockedObjects: 0,
    lockedLonger: 0,
    removedObjects: 0,
  };
}
