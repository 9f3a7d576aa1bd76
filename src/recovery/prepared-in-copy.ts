/**
 * Says which prepared transactions an opened copy holds: they were open at the target, came along, and keep
 * their locks there. Their rows are seen by nobody until somebody decides.
 */
import {
  endPrepared,
  namePrepared,
  readPreparedTransactions,
} from '../postgres/prepared-transactions.ts';
import type { RecoveryDeps } from './deps.ts';
import type { ScratchRestore } from './point-in-time/restore.ts';

export async function sayPreparedInCopy(
  { connect }: Pick<RecoveryDeps, 'connect'>,
  { url }: Pick<ScratchRestore, 'url'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  let prepared: Awaited<ReturnType<typeof readPreparedTransactions>>;
  try {
    await using session = await connect(url, { signal });
    prepared = await readPreparedTransactions(session);
  } catch (error) {
    signal.throwIfAborted();
    // Only words: the copy is as good without them.
    const why = error instanceof Error ? error.message : String(error);
    return [`Whether the copy holds prepared transactions could not be told: ${why}.`];
  }
  if (prepared.length === 0) return [];
  const [what, them] =
    prepared.length === 1
      ? ['a prepared transaction', 'it']
      : [`${prepared.length} prepared transactions`, 'each'];
  return [
    `The copy holds ${what}, as production did then: ${namePrepared(prepared)}. Until somebody ends ${them}, locks are kept and what was written is not seen; in the copy, ${endPrepared(prepared)}.`,
  ];
}
