/**
 * Holes behind which a later backup stands: what came after that can be reached again, and the moments
 * between stay out of reach for as long as somebody may ask for them. Pure.
 */
import { z } from 'zod';

import type { WalInventory } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn } from '../kernel/lsn.ts';
import { type Base, type FollowWal, judgeCoverage, LogHole } from './coverage.ts';
import { isOnLine, lineOf } from './lineage.ts';

export const OlderHole = LogHole.extend({
  /** From there on moments can be reached again; absent: the timeline was left, and its end is out of reach. */
  repairedBy: z.string().optional(),
  /** Another store has what is missing. */
  elsewhere: z.boolean(),
});
export type OlderHole = z.infer<typeof OlderHole>;

/** More between two backups are not named. */
const HOLES_MAX = 100;

export interface OlderFacts {
  /** Sound ones of one cluster, by the time they ended. */
  readonly bases: readonly Base[];
  /** From which the present is reached: what lies behind it is told otherwise. */
  readonly present: Base;
  /** Of the whole log. */
  readonly inventory: WalInventory;
  /** Nobody asks for earlier moments. Undefined: for every one that backups are kept of. */
  readonly windowFrom: Temporal.Instant | undefined;
}

export function olderHoles(facts: OlderFacts, follow: FollowWal): readonly OlderHole[] {
  const { bases, present, windowFrom } = facts;
  const holes: OlderHole[] = [];
  for (const [at, base] of bases.entries()) {
    const next = bases[at + 1];
    if (base.backupId === present.backupId || isPast(next, windowFrom)) continue;
    for (const hole of holesBetween({ base, next, inventory: facts.inventory }, follow)) {
      const last = holes.at(-1);
      // It goes on behind the backup that began in it.
      if (last !== undefined && isOneHole(last, hole))
        holes[holes.length - 1] = { ...hole, fromLsn: last.fromLsn };
      else holes.push(hole);
    }
  }
  return holes;
}

interface Between {
  readonly base: Base;
  /** The one that was taken after it. */
  readonly next: Base | undefined;
  readonly inventory: WalInventory;
}

/** Of a timeline that was left, up to its end. */
function holesBetween({ base, next, inventory }: Between, follow: FollowWal): OlderHole[] {
  if (follow(base, inventory)?.thinned === true) return [];
  if (next !== undefined && leadsTo(base, next, inventory)) {
    // What a new backup needs may not be stored yet; what is missing at the end is the present's matter.
    const end = smaller(next.endLsn, endOf(next.timeline, inventory));
    const stretch = { base, inventory, timeline: next.timeline, end };
    const repair = { repairedBy: next.backupId, elsewhere: false };
    return holesIn(stretch, follow).map((hole) => ({ ...hole, ...repair }));
  }
  const { timeline } = base;
  const end = endOf(timeline, inventory);
  if (end === undefined) return [];
  const found = holesIn({ base, inventory, timeline, end }, follow);
  return found.map((hole) => ({ ...hole, elsewhere: false }));
}

function endOf(timeline: number, { runs }: WalInventory): Lsn | undefined {
  return runs.findLast((run) => run.timeline === timeline)?.toLsn;
}

function smaller(a: Lsn, b: Lsn | undefined): Lsn {
  return b === undefined || compareLsn(a, b) <= 0 ? a : b;
}

/** Along one line positions only grow, whatever is known of its histories. */
function leadsTo(base: Base, next: Base, { forks = [] }: WalInventory): boolean {
  return isOnLine(base, lineOf(next.timeline, forks)) && compareLsn(base.endLsn, next.endLsn) <= 0;
}

function isPast(next: Base | undefined, windowFrom: Temporal.Instant | undefined): boolean {
  if (next === undefined || windowFrom === undefined) return false;
  return Temporal.Instant.compare(Temporal.Instant.from(next.endedAt), windowFrom) <= 0;
}

interface Stretch {
  readonly base: Base;
  readonly inventory: WalInventory;
  readonly timeline: number;
  readonly end: Lsn;
}

/** From the base to the end, on that timeline. */
function holesIn(stretch: Stretch, follow: FollowWal): readonly LogHole[] {
  const { inventory, timeline, end } = stretch;
  const { systemId } = stretch.base;
  const progress = { systemId, timeline, storedLsn: end };
  const holes: LogHole[] = [];
  let base: Pick<Base, 'systemId' | 'timeline' | 'beginLsn' | 'segmentBytes'> = stretch.base;
  while (holes.length < HOLES_MAX) {
    const coverage = judgeCoverage({ base, inventory, progress }, follow);
    if (coverage.outcome !== 'broken') break;
    const { hole } = coverage;
    // More of it lies behind the end, for others to look at.
    if (compareLsn(hole.fromLsn, end) >= 0) break;
    holes.push(hole);
    if (compareLsn(hole.toLsn, end) >= 0) break;
    base = { ...base, timeline: hole.timeline, beginLsn: hole.toLsn };
  }
  return holes;
}

/** Whether they touch: on one timeline, one after the other. */
function isOneHole(a: LogHole, b: LogHole): boolean {
  return a.timeline === b.timeline && compareLsn(b.fromLsn, a.toLsn) <= 0;
}

/** Those that another store fills, as the log of all stores together shows. */
export function withElsewhere(
  own: readonly OlderHole[],
  together: readonly OlderHole[],
): readonly OlderHole[] {
  return own.map((hole) => ({ ...hole, elsewhere: !together.some((one) => overlap(one, hole)) }));
}

function overlap(a: LogHole, b: LogHole): boolean {
  if (a.timeline !== b.timeline) return false;
  return compareLsn(a.fromLsn, b.toLsn) < 0 && compareLsn(b.fromLsn, a.toLsn) < 0;
}
