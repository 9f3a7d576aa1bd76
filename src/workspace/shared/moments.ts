/**
 * Moments as a reader in a time zone sees them, with nothing but Intl: browsers of today have no
 * Temporal yet. Pure. All moments are epoch seconds.
 */

const DATE_PARTS = new Map<string, Intl.DateTimeFormat>();

/** The wall clock in `zone`: `2026-11-22T14:46:05`. */
export function wallTime(epochSeconds: number, zone: string): string {
  const format = DATE_PARTS.get(zone) ?? newFormat(zone);
  DATE_PARTS.set(zone, format);
  const parts: Partial<Record<string, string>> = Object.fromEntries(
    format.formatToParts(epochSeconds * 1000).map(({ type, value }) => [type, value]),
  );
  const { year = '', month = '', day = '', hour = '', minute = '', second = '' } = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}`;
}

function newFormat(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

/** The moment of a wall clock in `zone`; undefined when it cannot be read. Of two, the earlier. */
export function epochOfWallTime(wall: string, zone: string): number | undefined {
  const asUtc = utcSeconds(wall);
  if (asUtc === undefined) return undefined;
  // The offset at the guess may be that of the other side of a change: look twice.
  const first = asUtc - offsetSeconds(asUtc, zone);
  return asUtc - offsetSeconds(first, zone);
}

function offsetSeconds(epochSeconds: number, zone: string): number {
  return (utcSeconds(wallTime(epochSeconds, zone)) ?? epochSeconds) - epochSeconds;
}

/** Reads `2026-11-22T14:46[:05]` as if it were UTC. */
function utcSeconds(wall: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?/.exec(wall);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((digits) => Number(digits ?? 0));
  return daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Days since 1970-01-01. Source: Howard Hinnant, chrono-compatible date algorithms. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** `14:46`. */
export function shortTime(epochSeconds: number, zone: string): string {
  return wallTime(epochSeconds, zone).slice(11, 16);
}

/** `Today`, `Yesterday`, or `Sunday, 22 November`. */
export function dayName(epochSeconds: number, zone: string, nowSeconds: number): string {
  const day = wallTime(epochSeconds, zone).slice(0, 10);
  if (day === wallTime(nowSeconds, zone).slice(0, 10)) return 'Today';
  if (day === wallTime(nowSeconds - 86_400, zone).slice(0, 10)) return 'Yesterday';
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'long',
    day: 'numeric',
    month: 'long',
  }).format(epochSeconds * 1000);
}

export interface DateReader {
  readonly zone: string;
  readonly nowSeconds: number;
}

/** Slack's `<!date^…>`: the tokens of `format` filled for this reader. Unknown tokens stay. */
export function formatSlackDate(epochSeconds: number, format: string, reader: DateReader): string {
  return format.replaceAll(
    /\{([a-z_]+)\}/g,
    (whole, token: string) => dateToken(token, epochSeconds, reader) ?? whole,
  );
}

function dateToken(
  token: string,
  epochSeconds: number,
  { zone, nowSeconds }: DateReader,
): string | undefined {
  const wall = wallTime(epochSeconds, zone);
  const plain = token.replace(/_pretty$/, '');
  const relative = nearDay(epochSeconds, zone, nowSeconds);
  if (token.endsWith('_pretty') && relative !== undefined) return relative;
  switch (plain) {
    case 'date_num':
      return wall.slice(0, 10);
    case 'date':
    case 'date_long':
    case 'date_short':
      return longDate(epochSeconds, zone, plain);
    case 'time':
      return wall.slice(11, 16);
    case 'time_secs':
      return wall.slice(11);
    case 'ago':
      return ago(nowSeconds - epochSeconds);
    default:
      return undefined;
  }
}

function nearDay(epochSeconds: number, zone: string, nowSeconds: number): string | undefined {
  const day = wallTime(epochSeconds, zone).slice(0, 10);
  const names: readonly (readonly [string, number])[] = [
    ['today', 0],
    ['yesterday', -86_400],
    ['tomorrow', 86_400],
  ];
  return names.find(([, offset]) => wallTime(nowSeconds + offset, zone).slice(0, 10) === day)?.[0];
}

function longDate(epochSeconds: number, zone: string, token: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: token === 'date_short' ? 'short' : 'long',
    day: 'numeric',
    ...(token === 'date_long' ? { weekday: 'long' } : {}),
  }).format(epochSeconds * 1000);
}

function ago(seconds: number): string {
  const size = Math.abs(seconds);
  const words =
    size < 60
      ? 'less than a minute'
      : size < 3600
        ? `${Math.floor(size / 60)} min`
        : `${Math.floor(size / 3600)} h`;
  return seconds >= 0 ? `${words} ago` : `in ${words}`;
}
