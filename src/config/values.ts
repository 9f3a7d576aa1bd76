/** Kinds of values that several config sections share. */
import { z } from 'zod';

/** ISO 8601 length of time with no calendar units: `PT5M`. Weeks, months and years depend on a calendar. */
export const durationText = z
  .string()
  .refine(isTimeDuration, 'must be a length of time such as PT5M or PT24H');

/** Five fields: minute, hour, day of month, month, day of week. */
export const cronText = z
  .string()
  .regex(/^\S+(\s+\S+){4}$/, 'must be five cron fields, such as "0 2 * * *"');

export const zoneText = z
  .string()
  .refine(isZone, 'must be an IANA time zone such as Europe/Berlin');

function isTimeDuration(text: string): boolean {
  try {
    const duration = Temporal.Duration.from(text);
    return duration.years === 0 && duration.months === 0 && duration.weeks === 0;
  } catch {
    return false;
  }
}

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).format !== undefined;
  } catch {
    return false;
  }
}
