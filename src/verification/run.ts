/**
 * Does a proof: restores the backup, replays the log to a position that production has told, looks at
 * everything, and removes the copy again. Whatever goes wrong inside is a check with a verdict; only a
 * cancelled proof throws.
 */
import { z } from 'zod';

import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import { compareLsn } from '../kernel/lsn.ts';
import type { WalPath } from '../recovery/coverage.ts';
import { COPY_DAMAGED } from '../recovery/point-in-time/restore-notes.ts';
import { openCheckBook } from './checks.ts';
import { BOUNDED_SHOWS, type ComparedTable, compareTable } from './compare.ts';
import type { VerificationDeps } from './deps.ts';
import { ownVerdict } from './own-verdict.ts';
import type { VerifyPlan } from './plan.ts';
import { NO_COPY, proveCopy } from './prove-copy.ts';
import { type Proving, requireStore, roundSeconds } from './proving.ts';
import { type VerifyResult, withWords } from './result.ts';
import type { Source } from './source.ts';
import {
  askProduction,
  checkObjects,
  findPath,
  noteManifests,
  notePassedOver,
  readRpo,
  waitForLog,
} from './store-checks.ts';

export async function prove(
  deps: VerificationDeps,
  plan: VerifyPlan,
  run: Run,
): Promise<VerifyResult> {
  const { clock } = deps.recovery;
  const book = openCheckBook(clock, run.signal);
  const proving = { deps, plan, run, book, store: requireStore(deps, plan) };
  const began = { at: clock.now(), ms: clock.elapsedMs() };

  noteManifests(proving);
  notePassedOver(proving);
  const source = await askProduction(proving);
  await checkObjects(proving);
  if (source !== undefined) await waitForLog(proving, source);
  const rpoSeconds = await readRpo(proving);
  const path = await findPath(proving, source);
  const isLate = isBehind(proving, path, source);
  const isAlone = path?.isAlone === true;
  const aim = { source: isLate || isAlone ? undefined : source, isLate, isAlone };
  const copy = path === undefined ? NO_COPY : await proveCopy(proving, { path, ...aim });

  const verdict = book.verdict();
  const { server, base } = plan;
  const lastGoodAt = await findLastGood(deps, server);
  const at = utcText(clock.now());
  const marked = {
    server,
    backupId: base.backupId,
    store: plan.store,
    verdict: ownVerdict({ plan, checks: book.checks, isWhole: path !== undefined }),
    at,
    runId: run.id,
  };
  const { backupId } = base;
  // A catalogue that was lost does not know it yet.
  await deps.catalog.backups.record({ server, backupId, store: plan.store, summary: base });
  await deps.catalog.backups.markVerified(marked);
  if (marked.verdict === 'PASS') await closeDamage(deps, plan);
  return withWords(
    {
      runId: run.id,
      server,
      store: plan.store,
      backupId: base.backupId,
      verdict,
      mode: 'bounded',
      shows: BOUNDED_SHOWS,
      checks: [...book.checks],
      tables: [...(copy.tables ?? notCompared(source))],
      beganAt: utcText(began.at),
      latestTransactionAt: copy.latestTransactionAt,
      restoredToLsn: copy.restoredToLsn,
      sourceLsn: source?.lsn ?? null,
      rpoSeconds,
      rtoSeconds: copy.rtoSeconds,
      tornDown: copy.tornDown,
      seconds: roundSeconds((clock.elapsedMs() - began.ms) / 1000),
    },
    lastGoodAt,
  );
}

/** The first store is where the log goes: there nothing may be missing. Others follow it. */
function isBehind(
  { deps, plan, store }: Proving,
  path: WalPath | undefined,
  source: Source | undefined,
): boolean {
  if (path === undefined || source === undefined) return false;
  if (deps.recovery.storesOf(plan.server)[0]?.name === store.name) return false;
  return compareLsn(path.toLsn, source.laterLsn) < 0;
}

/** What a restore had found wrong in this store is wrong no more. */
async function closeDamage(
  { catalog: { findings } }: VerificationDeps,
  { server, store }: VerifyPlan,
): Promise<void> {
  const open = (await findings?.list(server)) ?? [];
  const isOver = open.some((finding) => {
    const read = DamagedCopy.safeParse(finding);
    return read.success && read.data.store === store;
  });
  if (isOver) await findings?.close(COPY_DAMAGED, server);
}

const DamagedCopy = z.object({ code: z.literal(COPY_DAMAGED), store: z.string() });

function notCompared(source: Source | undefined): readonly ComparedTable[] {
  return (source?.tables ?? []).map((table) => compareTable(table.table, table, undefined));
}

async function findLastGood(
  { catalog }: VerificationDeps,
  server: string,
): Promise<string | undefined> {
  const rows = await catalog.backups.list(server);
  const good = rows.flatMap(({ verdict, verifiedAt }) =>
    verdict === 'PASS' && verifiedAt !== null ? [verifiedAt] : [],
  );
  return good.toSorted().at(-1);
}
