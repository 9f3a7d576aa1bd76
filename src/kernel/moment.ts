/**
 * Moments as people write and read them. What a person typed is read in their own zone; a moment that
 * exists twice or never is an outcome with both readings, never a guess. Pure.
 */
import { utcText } from './codecs.ts';

export type Reading =
  | { readonly outcome: 'moment'; readonly at: Temporal.Instant }
  /** The clocks went back: it happened twice. */
  | {
      readonly outcome: 'twice';
      readonly first: Temporal.Instant;
      readonly second: Temporal.Instant;
    }
  /** The clocks went forward: it never happened; the moments around the gap. */
  | {
      readonly outcome: 'never';
      readonly before: Temporal.Instant;
      readonly after: Temporal.Instant;
    }
  | { readonly outcome: 'unreadable' };

const TIME_ONLY = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)$/;

/**
 * Reads `14:46`, `14:46:30.5`, `2026-11-22 14:46`, or RFC 3339 with an offset or `Z`. A time without a
 * date is the most recent such moment in `zone`.
 */
export function readMoment(text: string, zone: string, now: Temporal.Instant): Reading {
  const words = text.trim();
  const absolute = readAbsolute(words);
  if (absolute !== undefined) return { outcome: 'moment', at: absolute };

  const dated = DATE_TIME.exec(words);
  if (dated !== null) return readLocal(`${dated[1] ?? ''}T${padHour(dated[2] ?? '')}`, zone);
  if (TIME_ONLY.test(words)) return readMostRecent(padHour(words), zone, now);
  return { outcome: 'unreadable' };
}

function padHour(time: string): string {
  return /^\d:/.test(time) ? `0${time}` : time;
}

function readAbsolute(words: string): Temporal.Instant | undefined {
  if (!/(?:z|[+-]\d{2}:?\d{2})$/i.test(words)) return undefined;
  try {
    return Temporal.Instant.from(words.replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T'));
  } catch {
    return undefined;
  }
}

function readMostRecent(time: string, zone: string, now: Temporal.Instant): Reading {
  const today = now.toZonedDateTimeISO(zone).toPlainDate();
  for (const date of [today, today.subtract({ days: 1 })]) {
    const reading = readLocal(`${date.toString()}T${time}`, zone);
    if (reading.outcome !== 'moment') return reading;
    if (Temporal.Instant.compare(reading.at, now) <= 0) return reading;
  }
  return { outcome: 'unreadable' };
}

function readLocal(text: string, zone: string): Reading {
  let local: Temporal.PlainDateTime;
  try {
    local = Temporal.PlainDateTime.from(text);
  } catch {
    return { outcome: 'unreadable' };
  }
  const earlier = local.toZonedDateTime(zone, { disambiguation: 'earlier' });
  const later = local.toZonedDateTime(zone, { disambiguation: 'later' });
  if (earlier.epochNanoseconds === later.epochNanoseconds)
    return { outcome: 'moment', at: earlier.toInstant() };
  const exists = earlier.toPlainDateTime().equals(local);
  if (exists) return { outcome: 'twice', first: earlier.toInstant(), second: later.toInstant() };
  return { outcome: 'never', before: earlier.toInstant(), after: later.toInstant() };
}

/** `2026-11-22 14:46:00 UTC`, with the fraction only where there is one. */
export function formatUtc(at: Temporal.Instant): string {
  return `${utcText(at)
    .replace('T', ' ')
    .replace(/(\.\d*?)0*Z$/, '$1')
    .replace(/\.$/, '')} UTC`;
}

/** `15:46:00 Berlin`; with the date when it is not the UTC day. */
export function formatLocal(at: Temporal.Instant, zone: string): string {
  const local = at.toZonedDateTimeISO(zone);
  const city = zone.split('/').at(-1)?.replaceAll('_', ' ') ?? zone;
  const time = local.toPlainTime().toString({ smallestUnit: 'second' });
  const sameDay = local.toPlainDate().equals(at.toZonedDateTimeISO('UTC').toPlainDate());
  return sameDay ? `${time} ${city}` : `${local.toPlainDate().toString()} ${time} ${city}`;
}

/** `just now`, `17 minutes ago`, `in 3 hours`, `2 days ago`. */
export function formatAge(at: Temporal.Instant, now: Temporal.Instant): string {
  const seconds = Math.round((now.epochMilliseconds - at.epochMilliseconds) / 1000);
  const words = agoWords(Math.abs(seconds));
  if (words === undefined) return 'just now';
  return seconds >= 0 ? `${words} ago` : `in ${words}`;
}

function agoWords(seconds: number): string | undefined {
  if (seconds < 5) return undefined;
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `6 min 12 s`, `2.4 s`, `3 h 5 min`, `2 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return inTwo(whole, 60, ['min', 's']);
  return inTwo(Math.floor(whole / 60), 60, ['h', 'min']);
}

/** The smaller part is left out where there is none of it. */
function inTwo(count: number, size: number, [large, small]: readonly [string, string]): string {
  const [whole, rest] = [Math.floor(count / size), count % size];
  return rest === 0 ? `${whole} ${large}` : `${whole} ${large} ${rest} ${small}`;
}
