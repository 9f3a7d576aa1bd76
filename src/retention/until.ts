/** Until when: a date (its end, in the zone of whoever asks), a moment, or a length from now on. Pure. */
import { readMoment } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import { HOLD_UNREADABLE } from './problems.ts';

/** @throws Problem RETENTION_HOLD_INVALID when it cannot be read, or is over. */
export function readUntil(text: string, zone: string, now: Temporal.Instant): Temporal.Instant {
  const words = text.trim();
  const at = readDate(words, zone) ?? readLength(words, zone, now) ?? readDated(words, zone, now);
  if (at === undefined)
    throw new Problem(HOLD_UNREADABLE, `Cannot read "${text}" as a date, a moment or a length`);
  if (Temporal.Instant.compare(at, now) <= 0)
    throw new Problem(HOLD_UNREADABLE, `Cannot hold until "${text}": that is over already`);
  return at;
}

function readDate(words: string, zone: string): Temporal.Instant | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(words)) return undefined;
  return attempt(() =>
    Temporal.PlainDate.from(words).add({ days: 1 }).toZonedDateTime(zone).toInstant(),
  );
}

function readLength(
  words: string,
  zone: string,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  if (!/^p/i.test(words)) return undefined;
  return attempt(() => now.toZonedDateTimeISO(zone).add(words.toUpperCase()).toInstant());
}

/** Without a date a time would be the most recent such moment, which is over. */
function readDated(
  words: string,
  zone: string,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  if (!/^\d{4}-/.test(words)) return undefined;
  const reading = readMoment(words, zone, now);
  if (reading.outcome === 'twice') return reading.second;
  if (reading.outcome === 'never') return reading.after;
  return reading.outcome === 'moment' ? reading.at : undefined;
}

function attempt(read: () => Temporal.Instant): Temporal.Instant | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
