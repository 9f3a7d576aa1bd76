/**
 * How fast a piece of work proceeds and how long it still takes, from what was told of it lately. The
 * past minute counts, not the whole run: a store that has become slow is seen at once. Pure.
 */
import { formatSeconds } from './moment.ts';
import { formatBytes } from './size.ts';

export interface ProgressPoint {
  /** On any clock that is the same for all points. */
  readonly atMs: number;
  readonly doneBytes: number;
  /** Undefined: not known. An estimate, which may grow. */
  readonly totalBytes?: number | undefined;
}

export interface Pace {
  readonly bytesPerSecond: number;
  /** Undefined: nobody knows. */
  readonly secondsLeft: number | undefined;
}

const WINDOW_MS = 60_000;
/** Less says more about buffers than about the work. */
const SHORTEST_MS = 3000;
/** Longer than a week is no forecast. */
const LEFT_SECONDS_MAX = 7 * 86_400;

/** Those that still count, with one more: what a follower keeps. */
export function recentPoints(
  points: readonly ProgressPoint[],
  next: ProgressPoint,
): readonly ProgressPoint[] {
  const last = points.at(-1);
  // It began anew, such as a second attempt.
  if (last !== undefined && next.doneBytes < last.doneBytes) return [next];
  return [...points.filter(({ atMs }) => next.atMs - atMs <= WINDOW_MS), next];
}

/** Points in order. Undefined: too little is known yet. */
export function paceOf(points: readonly ProgressPoint[]): Pace | undefined {
  const [first, last] = [points.at(0), points.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const passedMs = last.atMs - first.atMs;
  if (passedMs < SHORTEST_MS) return undefined;
  const bytesPerSecond = ((last.doneBytes - first.doneBytes) / passedMs) * 1000;
  return { bytesPerSecond, secondsLeft: secondsLeft(last, bytesPerSecond) };
}

function secondsLeft(
  { doneBytes, totalBytes }: ProgressPoint,
  bytesPerSecond: number,
): number | undefined {
  if (totalBytes === undefined || totalBytes <= doneBytes || bytesPerSecond <= 0) return undefined;
  const seconds = (totalBytes - doneBytes) / bytesPerSecond;
  return seconds <= LEFT_SECONDS_MAX ? seconds : undefined;
}

/** `84.2 MB/s, about 4 min left`; empty when nothing is known. */
export function sayPace(pace: Pace | undefined): string {
  if (pace === undefined) return '';
  const rate = `${formatBytes(Math.round(pace.bytesPerSecond))}/s`;
  if (pace.secondsLeft === undefined) return rate;
  return `${rate}, about ${formatSeconds(roundSeconds(pace.secondsLeft))} left`;
}

/** No more precise than a forecast can be: 10 s, 1 min, 10 min. */
function roundSeconds(seconds: number): number {
  const step = seconds < 90 ? 10 : seconds < 5400 ? 60 : 600;
  return Math.max(10, Math.ceil(seconds / step) * step);
}
