/**
 * Writes a small record into the log of a server where nothing happens, once a minute at most: 43,200
 * objects a day would be the price of every two seconds. It changes no data.
 */
import type { WalStored } from '../engines/wal-archive.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { type Lsn, lsnBytes } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';

export interface HeartbeatOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What was stored last. */
  readonly newest: () => WalStored | undefined;
}

const HEARTBEAT_MS = 60_000;
/** A heartbeat's own records and a checkpoint's: less log than this in a minute is idleness. */
const IDLE_BYTES = 16_384n;

/** Resolves when `signal` aborts. */
export async function beatWhenIdle(options: HeartbeatOptions): Promise<void> {
  const { clock, signal, newest } = options;
  let before = newest()?.serverLsn;
  while (!signal.aborted) {
    try {
      await clock.sleep(HEARTBEAT_MS, { signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const now = newest()?.serverLsn;
    if (now !== undefined && before !== undefined && isIdle(before, now)) await beat(options);
    before = now;
  }
}

function isIdle(before: Lsn, now: Lsn): boolean {
  return lsnBytes(now) - lsnBytes(before) < IDLE_BYTES;
}

/** Transactional: it commits, and so leaves a commit record with its time. */
async function beat({ url, clock, log, signal }: HeartbeatOptions): Promise<void> {
  try {
    await using session = await connect(url, { signal });
    await session.query(
      `SELECT pg_logical_emit_message(true, 'dbdr', $1) WHERE NOT pg_is_in_recovery()`,
      [clock.now().toString()],
    );
  } catch (error) {
    // Archiving itself does not depend on it, and its own connection tells of a dead server.
    if (signal.aborted) return;
    if (!isProblem(error)) throw error;
    log.warn('Could not write the heartbeat', { code: error.kind.code, reason: error.message });
  }
}
