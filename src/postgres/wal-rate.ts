/** How much log a server writes: on average since its statistics began, and at this moment. */
import type { Clock } from '../kernel/clock.ts';
import type { Session } from './session.ts';

/** Between the two looks at where the log ends. */
const SAMPLE_MS = 250;

interface Look {
  readonly end: string | null;
  readonly bytes: string | null;
  readonly seconds: number | null;
}

/** `pg_stat_wal` came with version 14. A standby is asked for what it receives. */
const LOOK = `
  SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                              ELSE pg_current_wal_lsn() END, '0/0')::text AS end,
         CASE WHEN pg_is_in_recovery() THEN NULL ELSE wal_bytes::text END AS bytes,
         extract(epoch FROM clock_timestamp() - stats_reset)::float8 AS seconds
    FROM pg_stat_wal`;

/** Bytes per second: the larger of the two, since a disk fills at the faster one. */
export async function readWalRate(
  session: Session,
  clock: Clock,
  { signal }: { readonly signal: AbortSignal },
): Promise<number> {
  const [first] = await session.query<Look>(LOOK);
  const beganMs = clock.elapsedMs();
  await clock.sleep(SAMPLE_MS, { signal });
  const [second] = await session.query<Look>(LOOK);
  const passedMs = Math.max(1, clock.elapsedMs() - beganMs);
  const written = Number(second?.end ?? 0) - Number(first?.end ?? 0);
  const { bytes, seconds } = second ?? {};
  const average = Number(bytes ?? 0) / Math.max(1, seconds ?? 1);
  return Math.max(average, (written * 1000) / passedMs);
}
