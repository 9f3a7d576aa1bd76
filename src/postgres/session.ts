/**
 * One ordinary SQL session. `connect()` in `connect.ts` opens it; every failure is a Problem that
 * says what to do (`problems.ts`).
 */

/** Parameters are sent as text; a moment is passed as `.toString()`. */
export type SqlValue = string | number | bigint | boolean | null | readonly string[];

export interface Session extends AsyncDisposable {
  /**
   * Runs one statement. `timestamptz` comes as `Temporal.Instant` (microseconds kept; `infinity` as
   * text), `int8`, `numeric` and `pg_lsn` as text, `bool` as boolean, `int4`, `oid` and `float8` as
   * number, `json` parsed, `text[]`, `name[]` and `int8[]` as arrays of text; all else as text.
   */
  query<Row extends object>(sql: string, values?: readonly SqlValue[]): Promise<readonly Row[]>;
  /** Rows of `COPY … TO STDOUT` as bytes, streamed. */
  copyOut(sql: string): AsyncIterable<Buffer>;
  /** Feeds `COPY … FROM STDIN`; answers the number of rows. */
  copyIn(sql: string, rows: AsyncIterable<Buffer>): Promise<number>;
  /** `BEGIN` … `COMMIT`, or `ROLLBACK` when `work` throws. */
  transaction<T>(begin: string, work: () => Promise<T>): Promise<T>;
}

export interface ConnectOptions {
  readonly signal: AbortSignal;
  /** For `pg_stat_activity`; default `dbdr`. */
  readonly applicationName?: string;
  /** Default 30 s; 0 switches it off. */
  readonly statementTimeoutMs?: number;
  /** Another database than the one in the URL. */
  readonly database?: string;
}

/** Quotes an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
