/**
 * Which seventh is this day's turn, of whatever is read in sevenths. Each week begins one part further on, so
 * that a schedule of one weekday meets every part too; two weeks of days meet all of them. Pure.
 */

export const PARTS = 7;
const DAY_MS = 86_400_000;

/** From 0; the day is one of UTC. */
export function partOfDay(now: Temporal.Instant): number {
  const day = Math.floor(now.epochMilliseconds / DAY_MS);
  return (((day + weekOf(now)) % PARTS) + PARTS) % PARTS;
}

/** Since 1970, from Thursday to Wednesday. */
export function weekOf(now: Temporal.Instant): number {
  return Math.floor(now.epochMilliseconds / (7 * DAY_MS));
}
