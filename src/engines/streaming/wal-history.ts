/**
 * A server's timelines as a history file tells them, and where what is stored lies in them: positions on
 * different timelines cannot be compared. Pure but for the question how far a timeline is stored.
 */
import { compareLsn, type Lsn, toLsn } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import type { WalFork } from '../wal-archive.ts';
import { WAL_REMOVED } from './wal-problems.ts';
import type { TimelinePlace } from './wal-request.ts';

export interface TimelineEnd {
  readonly timeline: number;
  /** Undefined: it is the one that is being written. */
  readonly endLsn: Lsn | undefined;
}

/** Source: PostgreSQL, timeline.c: a line for each ancestor, with where it was left. */
export function readTimelines(history: string, current: number): readonly TimelineEnd[] {
  const ancestors = [...history.matchAll(/^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/gim)].map(
    ([, timeline, endLsn = '']) => ({ timeline: Number(timeline), endLsn: toLsn(endLsn) }),
  );
  return [...ancestors, { timeline: current, endLsn: undefined }];
}

/** Undefined: the history names no ancestor. */
export function readFork(history: string, timeline: number): WalFork | undefined {
  const parent = readTimelines(history, timeline).at(-2);
  if (parent?.endLsn === undefined) return undefined;
  return { timeline, parent: parent.timeline, lsn: parent.endLsn };
}

/** Where the last stored run of a timeline ends that begins before `endLsn`; undefined: there is none. */
export type StoredEnd = (end: TimelineEnd) => Promise<Lsn | undefined>;

/**
 * What was received of a timeline behind the point where it was left is no part of this log, nor is a
 * timeline that this one does not come from: then it goes on from the newest that both have.
 *
 * @throws Problem WAL_REMOVED when they have none
 */
export async function placeInHistory(
  place: TimelinePlace,
  timelines: readonly TimelineEnd[],
  storedEnd: StoredEnd,
): Promise<TimelinePlace> {
  if (timelines.some(({ timeline }) => timeline === place.timeline)) return along(place, timelines);
  const ancestor = timelines.findLast(({ timeline }) => timeline < place.timeline);
  if (ancestor === undefined)
    throw new Problem(
      WAL_REMOVED,
      `Cannot go on from timeline ${place.timeline}: the server's log does not come from it`,
    );
  const lsn = (await storedEnd(ancestor)) ?? place.lsn;
  return along({ timeline: ancestor.timeline, lsn }, timelines);
}

function along(place: TimelinePlace, timelines: readonly TimelineEnd[]): TimelinePlace {
  const at = timelines.findIndex(({ timeline }) => timeline === place.timeline);
  const endLsn = timelines[at]?.endLsn;
  const next = timelines[at + 1];
  if (endLsn === undefined || next === undefined || compareLsn(place.lsn, endLsn) < 0) return place;
  return { timeline: next.timeline, lsn: endLsn };
}
