/**
 * When a schedule was last due, and when it is due next. Pure: the fields come from node-cron's parser, the moment comes in.
 *
 * Clock changes: a time that does not exist that day is due at the first moment after the gap, because
 * a late backup is better than none; a time that exists twice is due at its first, unless the schedule
 * says every hour: then the repeated hour is an hour like any other.
 */

/** As node-cron's `parse()` answers it; the day fields may hold `L` and `1#2`. */
export interface CronFields {
  readonly second: readonly number[];
  readonly minute: readonly number[];
  readonly hour: readonly number[];
  readonly dayOfMonth: readonly (number | string)[];
  readonly month: readonly number[];
  readonly dayOfWeek: readonly (number | string)[];
}

/** 29 February on a given weekday comes back after at most 40 years; nothing in use is that rare. */
const DAYS_MAX = 366 * 8;
const HOURS = 24;

/** The newest due moment at or before `now`; undefined when there was none in eight years. */
export function lastDue(
  fields: CronFields,
  zone: string,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  return onDays(fields, zone, now, { step: { days: -1 }, find: lastDueOf });
}

/** The first due moment after `now`; undefined when there is none in eight years. */
export function nextDue(
  fields: CronFields,
  zone: string,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  return onDays(fields, zone, now, { step: { days: 1 }, find: nextDueOf });
}

interface Search {
  readonly step: { readonly days: 1 | -1 };
  readonly find: (fields: CronFields, day: Day) => Temporal.Instant | undefined;
}

/** From today on, day by day, the first that `find` answers. */
function onDays(
  fields: CronFields,
  zone: string,
  now: Temporal.Instant,
  { step, find }: Search,
): Temporal.Instant | undefined {
  let date = now.toZonedDateTimeISO(zone).toPlainDate();
  for (let day = 0; day < DAYS_MAX; day += 1) {
    const due = isDueOn(fields, date) ? find(fields, { date, zone, now }) : undefined;
    if (due !== undefined) return due;
    date = date.add(step);
  }
  return undefined;
}

function nextDueOf(fields: CronFields, day: Day): Temporal.Instant | undefined {
  return duesOf(fields, day)
    .filter((one) => Temporal.Instant.compare(one, day.now) > 0)
    .toSorted((a, b) => Temporal.Instant.compare(a, b))
    .at(0);
}

/** Undefined: this house understands every part of the day fields; else the part it does not. */
export function unknownDayPart(fields: CronFields): string | undefined {
  const days = fields.dayOfMonth.filter((part) => typeof part === 'string' && part !== 'L');
  const weekdays = fields.dayOfWeek.filter(
    (part) => typeof part === 'string' && !/^\d#\d$/.test(part),
  );
  return [...days, ...weekdays].map(String).at(0);
}

/** Both day fields must fit, as node-cron reads them (crontab's own rule is: either). */
function isDueOn(fields: CronFields, date: Temporal.PlainDate): boolean {
  const isDay = fields.dayOfMonth.some((part) =>
    part === 'L' ? date.day === date.daysInMonth : part === date.day,
  );
  return isDay && fields.month.includes(date.month) && isWeekdayDue(fields.dayOfWeek, date);
}

function isWeekdayDue(parts: readonly (number | string)[], date: Temporal.PlainDate): boolean {
  // Temporal's Sunday is 7, cron's is 0.
  const weekday = date.dayOfWeek % 7;
  const nth = Math.ceil(date.day / 7);
  return parts.some((part) => part === weekday || part === `${weekday}#${nth}`);
}

interface Day {
  readonly date: Temporal.PlainDate;
  readonly zone: string;
  readonly now: Temporal.Instant;
}

/** A schedule of every hour means the repeated hour too. */
function readingsOf({ hour }: CronFields): readonly ('earlier' | 'later' | 'compatible')[] {
  return hour.length === HOURS ? ['earlier', 'later'] : ['compatible'];
}

/** Of one day, all of them: the minutes of the hours that are left of today, and of the first three. */
function duesOf(fields: CronFields, { date, zone, now }: Day): readonly Temporal.Instant[] {
  const today = now.toZonedDateTimeISO(zone);
  const isToday = date.equals(today.toPlainDate());
  const hours = fields.hour.filter((hour) => !isToday || hour >= today.hour - 1).slice(0, 3);
  return readingsOf(fields).flatMap((disambiguation) =>
    timesIn(fields, hours).map((time) =>
      date.toPlainDateTime(time).toZonedDateTime(zone, { disambiguation }).toInstant(),
    ),
  );
}

function timesIn({ minute, second }: CronFields, hours: readonly number[]): Temporal.PlainTime[] {
  return hours.flatMap((hour) =>
    minute.flatMap((min) => second.map((sec) => new Temporal.PlainTime(hour, min, sec))),
  );
}

function lastDueOf(fields: CronFields, { date, zone, now }: Day): Temporal.Instant | undefined {
  let newest: Temporal.Instant | undefined;
  for (const time of timesOf(fields, date, now.toZonedDateTimeISO(zone))) {
    for (const disambiguation of readingsOf(fields)) {
      const due = date.toPlainDateTime(time).toZonedDateTime(zone, { disambiguation }).toInstant();
      if (Temporal.Instant.compare(due, now) > 0) continue;
      if (newest === undefined || Temporal.Instant.compare(due, newest) > 0) newest = due;
    }
  }
  return newest;
}

/** Today's hours up to the next one are enough; on an earlier day the last three hours hold the last. */
function timesOf(
  fields: CronFields,
  date: Temporal.PlainDate,
  now: Temporal.ZonedDateTime,
): readonly Temporal.PlainTime[] {
  const isToday = date.equals(now.toPlainDate());
  const possible = fields.hour.filter((hour) => !isToday || hour <= now.hour + 1);
  return timesIn(fields, possible.slice(-3));
}
