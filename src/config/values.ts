/** Kinds of values that several config sections share. */
import { z } from 'zod';

/** ISO 8601 length of time with no calendar units: `PT5M`. Weeks, months and years depend on a calendar. */
export const durationText = z
  .string()
  .refine(isTimeDuration, 'must be a length of time such as PT5M or PT24H');

/** Five fields: minute, hour, day of month, month, day of week. */
export const cronText = z
  .string()
  .refine(isCron, 'must be five cron fields that exist, such as "0 2 * * *" for 02:00 every day');

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

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun'].concat([
  'jul',
  'aug',
  'sep',
  'oct',
  'nov',
  'dec',
]);
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface CronField {
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}

const CRON_FIELDS: readonly CronField[] = [
  { from: 0, to: 59 },
  { from: 0, to: 23 },
  { from: 1, to: 31 },
  { from: 1, to: 12, names: MONTHS },
  { from: 0, to: 7, names: DAYS },
];

/** What the clock's own parser takes too; it is asked again when the bot starts. */
function isCron(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== CRON_FIELDS.length) return false;
  return CRON_FIELDS.every((field, index) =>
    (fields[index] ?? '').split(',').every((part) => isCronPart(part, field)),
  );
}

function isCronPart(part: string, field: CronField): boolean {
  const [, range = '', step] = /^([^/]+)(?:\/([1-9]\d*))?$/.exec(part) ?? [];
  if (range === '' || (step !== undefined && Number(step) > field.to)) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => cronValue(end, field));
  const [first, last = first] = ends;
  return ends.length <= 2 && first !== undefined && last !== undefined && first <= last;
}

/** Undefined: there is no such minute, hour, day or month. */
function cronValue(text: string, { from, to, names }: CronField): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return from + named;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}
