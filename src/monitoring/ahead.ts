/**
 * What was noted while a clock ran ahead lies in the future once it is set right. How old it is nobody can
 * tell, and it must not pass for new until its time has come. Pure.
 */

/** Clocks of two machines differ by so much without anybody's fault; a person who types a target means a minute. */
export const CLOCK_OFF_MAX_SECONDS = 60;

export function isAhead(at: string, now: Temporal.Instant): boolean {
  return secondsAhead(at, now) > CLOCK_OFF_MAX_SECONDS;
}

/** Negative: it lies in the past. */
export function secondsAhead(at: string, now: Temporal.Instant): number {
  return Temporal.Instant.from(at).since(now).total('seconds');
}
