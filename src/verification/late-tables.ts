/**
 * Tables that a proof's time did not reach. One day it is no fault: the next proof begins with them. What is missed
 * in every proof is never compared, so after a while that is no PASS any more. Tables are named with their database.
 */
import { z } from 'zod';

import type { Catalog } from '../catalog/catalog.ts';
import type { RunRecord } from '../catalog/runs.ts';
import type { Seen } from './checks.ts';

/** In so many proofs one after another a table may be missed: a week of them. */
export const LATE_PROOFS_MAX = 7;
/** Among so many runs that many proofs of the newest backup are found, with tries and older ones between them. */
const RUNS_MAX = 100;

/** In how many of the last proofs, one after another, each table was missed. */
export type LateBefore = ReadonlyMap<string, number>;

export function fullName(database: string, table: string): string {
  return `${database}.${table}`;
}

/** Without a catalogue of runs nothing is known. */
export async function readLateBefore(
  { runs }: { readonly runs?: Pick<Catalog['runs'], 'list'> | undefined },
  server: string,
): Promise<LateBefore> {
  if (runs === undefined) return new Map();
  const wanted = { server, operation: 'verify', states: ['done'] } as const;
  return countLate(await runs.list({ ...wanted, limit: RUNS_MAX }));
}

/** What does not say was no proof that asked production, or is of an older version. */
const Asked = z.looseObject({
  isNewest: z.literal(true),
  late: z.array(z.string()),
  sourceLsn: z.string(),
});

/** `runs`: in any order. Pure. */
export function countLate(runs: readonly Pick<RunRecord, 'endedAt' | 'result'>[]): LateBefore {
  const newestFirst = runs.toSorted((a, b) => ((a.endedAt ?? '') < (b.endedAt ?? '') ? 1 : -1));
  const counts = new Map<string, number>();
  let open: ReadonlySet<string> | undefined;
  for (const { result } of newestFirst) {
    const asked = Asked.safeParse(result);
    if (!asked.success) continue;
    const still: readonly string[] = asked.data.late.filter((name) => open?.has(name) ?? true);
    for (const name of still) counts.set(name, (counts.get(name) ?? 0) + 1);
    open = new Set(still);
    if (open.size === 0) break;
  }
  return counts;
}

/** What was missed too often is in doubt, however much was equal. */
export function judgeLate(seen: Seen, late: readonly string[], before: LateBefore): Seen {
  if (seen.verdict !== 'PASS') return seen;
  const often = late.filter((name) => (before.get(name) ?? 0) + 1 >= LATE_PROOFS_MAX);
  if (often.length === 0) return seen;
  const words = `could not be told of ${often.join(', ')}: the time allowed was over before, in ${LATE_PROOFS_MAX} proofs in a row (raise \`verification.snapshot_seconds\`, or name a standby in \`verification.read_from\`)`;
  return { verdict: 'ERROR', detail: words };
}
