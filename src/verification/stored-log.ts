/**
 * The log as it gets into the first store, where it arrives first: the last commit that is waited for, and the
 * wait for it.
 */
import type { Clock } from '../kernel/clock.ts';
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Session } from '../postgres/session.ts';
import type { NamedStore } from '../recovery/deps.ts';
import type { ContentRequest } from './content.ts';
import type { VerificationDeps } from './deps.ts';

/** How long the log may take to be stored up to a snapshot. */
const STORED_LIMIT_MS = 10 * 60_000;

export interface LastCommit {
  readonly xid: bigint;
  /** It ends before it. */
  readonly untilLsn: Lsn;
}

/** A transaction that begins after the snapshot was taken; no standby is waited for. */
export async function writeLast(control: Session): Promise<LastCommit> {
  const [row] = await control.transaction('BEGIN', async () => {
    await control.query('SET LOCAL synchronous_commit TO local');
    return control.query<{ xid: string }>(
      `SELECT pg_current_xact_id()::text AS xid, pg_logical_emit_message(true, 'dbdr', 'proof')`,
    );
  });
  const [end] = await control.query<{ lsn: string }>(
    'SELECT pg_current_wal_flush_lsn()::text AS lsn',
  );
  return { xid: BigInt(row?.xid ?? 0), untilLsn: toLsn(end?.lsn ?? '0/0') };
}

/** Undefined: it is; else why not. */
export async function waitUntilStored(
  clock: Clock,
  { untilStored, signal }: Pick<ContentRequest, 'untilStored' | 'signal'>,
  { last, deadlineMs }: { readonly last: LastCommit; readonly deadlineMs: number },
): Promise<string | undefined> {
  const leftMs = Math.floor(deadlineMs - clock.elapsedMs());
  const limitMs = Math.max(1, Math.min(STORED_LIMIT_MS, leftMs));
  const stop = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  try {
    await untilStored(last.untilLsn, { signal: stop });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const why = isProblem(error) ? error.message : `it took longer than ${limitMs / 1000} s`;
    return `the log up to ${last.untilLsn} did not get into the store: ${why}`;
  }
}

/** There the log arrives first. */
export function firstStore(
  { recovery }: VerificationDeps,
  server: ContentRequest['server'],
): NamedStore {
  const [store] = recovery.storesOf(server);
  if (store === undefined) throw new TypeError(`Server "${server}" has no stores`);
  return store;
}
