/**
 * Does a proof: reads the backup's files while production is asked, replays the log to the position that it has
 * told, looks at everything, and removes the copy again. Whatever goes wrong inside is a check with a verdict;
 * only a cancelled proof throws.
 */
import { z } from 'zod';

import { lastProofAt } from '../catalog/last-proof.ts';
import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import { COPY_DAMAGED } from '../recovery/point-in-time/restore-notes.ts';
import { watchCatalogue } from './catalogue-production.ts';
import { openCheckBook } from './checks.ts';
import type { VerificationDeps } from './deps.ts';
import { checkKeptLog } from './kept-log.ts';
import { ownVerdict } from './own-verdict.ts';
import type { VerifyPlan } from './plan.ts';
import { NO_COPY, proveCopy } from './prove-copy.ts';
import { type Proving, requireStore, roundSeconds } from './proving.ts';
import { restoreCopy } from './restore-copy.ts';
import { type VerifyResult, withWords } from './result.ts';
import { openSide } from './side.ts';
import { checkObjects, noteManifests, notePassedOver } from './store-checks.ts';
import { isOwnPoint, notCompared, wordsOf } from './truth.ts';

export async function prove(
  deps: VerificationDeps,
  plan: VerifyPlan,
  run: Run,
): Promise<VerifyResult> {
  const { clock } = deps.recovery;
  const book = openCheckBook(clock, run.signal);
  const { databases } = plan;
  const url = deps.servers[plan.server]?.url ?? '';
  const asking = openSide(run, clock);
  const { signal } = asking.run;
  const catalogue = watchCatalogue(deps.recovery, { url, databases, signal });
  const proving = { deps, plan, run, book, store: requireStore(deps, plan), catalogue };
  const began = { at: clock.now(), ms: clock.elapsedMs() };

  noteManifests(proving);
  notePassedOver(proving);
  await checkObjects(proving);
  const { aim, restored, rtoSeconds } = await restoreCopy(proving, asking);
  const copy = restored === undefined ? NO_COPY : await proveCopy(proving, aim, restored);
  await checkKeptLog(proving);

  const { server, base } = plan;
  const lastGoodAt = lastProofAt(await deps.catalog.backups.list(server));
  await remember(proving, aim.path !== undefined);
  return withWords(
    {
      runId: run.id,
      server,
      store: plan.store,
      backupId: base.backupId,
      verdict: book.verdict(),
      ...wordsOf(aim.told, aim.truth),
      isProofPoint: isOwnPoint(aim.truth),
      checks: [...book.checks],
      tables: [...(copy.tables ?? notCompared(aim.told))],
      beganAt: utcText(began.at),
      latestTransactionAt: copy.latestTransactionAt,
      restoredToLsn: copy.restoredToLsn,
      rpoSeconds: aim.rpoSeconds,
      rtoSeconds,
      tornDown: copy.tornDown,
      seconds: roundSeconds((clock.elapsedMs() - began.ms) / 1000),
    },
    lastGoodAt,
  );
}

/** What the catalogue keeps: of the copy alone, whatever the proof as a whole says. */
async function remember({ deps, plan, run, book }: Proving, isWhole: boolean): Promise<void> {
  const { catalog, recovery } = deps;
  const { server, store, base } = plan;
  const { backupId } = base;
  const verdict = ownVerdict({ plan, checks: book.checks, isWhole });
  const at = utcText(recovery.clock.now());
  // A catalogue that was lost does not know it yet.
  await catalog.backups.record({ server, backupId, store, summary: base });
  await catalog.backups.markVerified({ server, backupId, store, verdict, at, runId: run.id });
  if (verdict === 'PASS') await closeDamage(deps, plan);
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
