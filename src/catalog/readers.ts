/**
 * Who reads a backup, and how a reader and a remover keep out of each other's way. A run that is not over
 * and names a backup in its plan reads it: the row is its mark, and stands before the first byte is read.
 *
 * - Whoever removes takes the lease `removalLease()`, then looks for readers, and only then removes what
 *   nobody reads; it holds the lease for moments only, never for a whole removal.
 * - Whoever reads has its row, then waits with `untilNotRemoving()`, and only then looks whether what it
 *   is going to read is still there.
 *
 * Each has set its mark before it looks for the other's, so at least one of the two sees the other.
 */
import { z } from 'zod';

import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { LeaseRecords } from './records.ts';
import type { RunVerbs } from './run-verbs.ts';
import type { RunRecord } from './runs.ts';

export interface Reader {
  readonly runId: string;
  readonly operation: string;
  readonly server: string;
  readonly backupId: string;
  readonly systemId: string;
  readonly timeline: number;
  /** The first position it replays. */
  readonly fromLsn: string;
}

/** However a plan is made: the backup it starts from is its `base`. */
const ReadingPlan = z.object({
  server: z.string(),
  base: z.object({
    backupId: z.string(),
    systemId: z.string(),
    timeline: z.number(),
    beginLsn: z.string(),
  }),
});

/** More runs at once nobody asks for. */
const RUNS_MAX = 10_000;

export async function readersOf(
  runs: Pick<RunVerbs, 'list'>,
  server: string,
): Promise<readonly Reader[]> {
  const states = ['waiting', 'approved', 'running'] as const;
  const living = await runs.list({ states, limit: RUNS_MAX });
  return living.flatMap((run) => {
    const reader = readerOf(run);
    return reader?.server === server ? [reader] : [];
  });
}

/** Undefined: it reads no backup. Pure. */
function readerOf({ runId, operation, plan }: RunRecord): Reader | undefined {
  const read = ReadingPlan.safeParse(plan);
  if (!read.success) return undefined;
  const { server, base } = read.data;
  const { backupId, systemId, timeline, beginLsn } = base;
  return { runId, operation, server, backupId, systemId, timeline, fromLsn: beginLsn };
}

export function removalLease(server: string): string {
  return `removing:${server}`;
}

const LOOK_EVERY_MS = 100;
/**
 * What a remover does under one lease has ended by then, and whatever it begins meanwhile sees who reads.
 * One that died under a clock that ran ahead has left a lease of a year: nobody restores that late.
 */
const WAIT_MAX_MS = 60_000;

/** Resolves when nobody is removing what the server's readers, as they are now, need. */
export async function untilNotRemoving(
  { leases, clock }: { readonly leases: Pick<LeaseRecords, 'holderOf'>; readonly clock: Clock },
  server: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const beganMs = clock.elapsedMs();
  while ((await leases.holderOf(removalLease(server), utcText(clock.now()))) !== undefined) {
    if (clock.elapsedMs() - beganMs > WAIT_MAX_MS) return;
    await clock.sleep(LOOK_EVERY_MS, { signal });
  }
}
