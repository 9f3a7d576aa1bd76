/**
 * How far a clock may be off. What was noted while one ran ahead lies in the future once it is set right: how
 * old it is nobody can tell, and it must not pass for new until its time has come. Pure.
 */

/** Clocks of two machines differ by so much without anybody's fault; a person who types a target means a minute. */
export const CLOCK_OFF_MAX_SECONDS = 60;
/** Amazon S3 takes no request that is further off: RequestTimeTooSkewed. From here on somebody is woken. */
export const CLOCK_OFF_PAGE_SECONDS = 15 * 60;

/** `at`: RFC 3339, or the moment itself. */
export function isAhead(at: Temporal.Instant | string, now: Temporal.Instant): boolean {
  return secondsAhead(at, now) > CLOCK_OFF_MAX_SECONDS;
}

/** Negative: it lies in the past. */
export function secondsAhead(at: Temporal.Instant | string, now: Temporal.Instant): number {
  return Temporal.Instant.from(at).since(now).total('seconds');
}
