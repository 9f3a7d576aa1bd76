/**
 * How long ago the newest backup was last proved: the number that alarms. Only a proof that says PASS, of
 * what was the newest backup then, sets it back; FAIL, ERROR and SKIPPED do not, nor does an older backup.
 */
import { z } from 'zod';

import { backupEnds } from '../catalog/backup-ends.ts';
import type { RunRecord } from '../catalog/runs.ts';
import { isAhead } from '../kernel/clock-off.ts';
import type { MonitoringDeps, WatchedServer } from './deps.ts';
import { ageSeconds } from './standing.ts';

export interface Proofs {
  /** Null: there was none that we remember. */
  readonly hoursSinceLastPass: number | null;
  /** When the oldest backup that is still there was done; null: there is none. */
  readonly firstBackupAt: string | null;
}

const Passed = z.object({ verdict: z.literal('PASS'), isNewest: z.literal(true).default(true) });
/** What does not say is taken for the newest: nobody asked for another. */
const Chosen = z.object({ isNewest: z.boolean().default(true) });

/** Among so many proofs the last PASS is found; more take months. */
const PROOFS_MAX = 200;

export async function readProofs(
  { name }: Pick<WatchedServer, 'name'>,
  { catalog, clock }: Pick<MonitoringDeps, 'catalog' | 'clock'>,
): Promise<Proofs> {
  const wanted = { server: name, operation: 'verify', states: ['done'] } as const;
  const now = clock.now();
  const passedAt = lastPassAt(await catalog.runs.list({ ...wanted, limit: PROOFS_MAX }), now);
  const ends = backupEnds(await catalog.backups.list(name));
  return {
    hoursSinceLastPass:
      passedAt === undefined ? null : Math.round(ageSeconds(passedAt, now) / 36) / 100,
    firstBackupAt: ends.at(0) ?? null,
  };
}

/** Undefined: none. One that a clock dated that ran ahead says nothing of how long ago it was. Pure. */
export function lastPassAt(runs: readonly RunRecord[], now: Temporal.Instant): string | undefined {
  return runs
    .filter(({ operation, result }) => operation === 'verify' && Passed.safeParse(result).success)
    .filter(({ plan }) => Chosen.safeParse(plan).data?.isNewest !== false)
    .flatMap(({ endedAt }) => endedAt ?? [])
    .filter((endedAt) => !isAhead(endedAt, now))
    .toSorted()
    .at(-1);
}
