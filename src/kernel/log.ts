/**
 * The log as every room sees it. JSON lines with a static message and the data in fields; `warn`
 * means a person should look this week, `error` means now and has a `code`.
 */

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields: LogFields & { readonly code: string }): void;
  /** A log that writes `fields` on each of its lines. */
  with(fields: LogFields): Log;
}

export const silentLog: Log = {
  debug: noop,
  info: noop,
  warn: noop,
  error: noop,
  with: () => silentLog,
};

function noop(): void {
  // Silence is what this log is for.
}
