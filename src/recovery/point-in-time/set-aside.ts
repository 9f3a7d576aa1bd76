/**
 * A copy whose stored files turn out damaged while they are restored is remembered as failed, in its store
 * alone, so that the next restore starts from another one: whoever asks again must not meet the same
 * broken object.
 */
import { DECRYPTION_FAILED, OBJECT_DAMAGED } from '../../encryption/problems.ts';
import type { BackupSummary } from '../../engines/engine.ts';
import { BACKUP_DAMAGED } from '../../engines/streaming/problems.ts';
import { utcText } from '../../kernel/codecs.ts';
import type { RunId } from '../../kernel/ids.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import { OBJECT_MISSING } from '../../storage/problems.ts';
import type { RecoveryDeps } from '../deps.ts';
import { summaryJson } from '../summary-schema.ts';

const DAMAGE = [DECRYPTION_FAILED, OBJECT_DAMAGED, BACKUP_DAMAGED, OBJECT_MISSING];

/** Answers what to throw: the error itself where it says nothing of the backup. */
export async function setAside(
  { catalog, clock }: Pick<RecoveryDeps, 'catalog' | 'clock'>,
  { base, storeName }: { readonly base: BackupSummary; readonly storeName: string },
  { error, runId }: { readonly error: unknown; readonly runId: RunId },
): Promise<unknown> {
  if (!isDamage(error) || catalog.backups === undefined) return error;
  const { server, backupId } = base;
  const at = utcText(clock.now());
  // A catalogue that was lost does not know it yet.
  const summary = summaryJson(base);
  await catalog.backups.record({ server, backupId, store: storeName, summary });
  await catalog.backups.markVerified({
    server,
    backupId,
    store: storeName,
    verdict: 'FAIL',
    at,
    runId,
  });
  const hint =
    `Ask again: the copy of ${backupId} in ${storeName} is set aside now, and an earlier one is used if no other copy is sound. ` +
    'Then take a new one with `backup`.';
  return new Problem(error.kind, error.message, { facts: error.facts, hint, cause: error });
}

/** What says that the stored bytes are bad, rather than that they could not be read. */
export function isDamage(error: unknown): error is Problem {
  return DAMAGE.some((kind) => isProblem(error, kind));
}
