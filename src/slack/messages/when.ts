/** Moments as messages say them: UTC always, the reader's own zone, and how long ago. Pure. */
import { formatAge, formatLocal, formatUtc } from '../../kernel/moment.ts';

/** `2026-11-22 14:46:00 UTC (15:46:00 Berlin, 17 minutes ago)`. */
export function sayMoment(
  at: Temporal.Instant,
  reader: { readonly zone: string; readonly now: Temporal.Instant },
): string {
  const local = reader.zone === 'UTC' ? '' : `${formatLocal(at, reader.zone)}, `;
  return `${formatUtc(toSecond(at))} (${local}${formatAge(at, reader.now)})`;
}

/** `2026-11-22 14:46:00 UTC, 17 minutes ago`: for lists, where a line should be one. */
export function sayShort(at: Temporal.Instant, now: Temporal.Instant): string {
  return `${formatUtc(toSecond(at))}, ${formatAge(at, now)}`;
}

/** `14:57:40 UTC`, for moments of today. */
export function sayTime(at: Temporal.Instant): string {
  return `${at.toZonedDateTimeISO('UTC').toPlainTime().toString({ smallestUnit: 'second' })} UTC`;
}

/** Slack shows it in each reader's own zone; the fallback says it in UTC. */
export function readersOwn(at: Temporal.Instant): string {
  const seconds = Math.floor(at.epochMilliseconds / 1000);
  return `<!date^${seconds}^{time}|${sayTime(at)}>`;
}

export function readInstant(text: string | null | undefined): Temporal.Instant | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    return Temporal.Instant.from(text);
  } catch {
    return undefined;
  }
}

/** Seconds from one moment to another, as rows keep them. */
export function secondsBetween(from: Temporal.Instant, to: Temporal.Instant): number {
  return Math.max(0, (to.epochMilliseconds - from.epochMilliseconds) / 1000);
}

function toSecond(at: Temporal.Instant): Temporal.Instant {
  return at.round({ smallestUnit: 'second', roundingMode: 'floor' });
}
