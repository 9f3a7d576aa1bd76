/**
 * Reads a connection URL (`postgres://…`, also with a socket folder as `?host=`) and shows it without
 * its password. `sslmode` means what it means to libpq.
 */
import pg from 'pg';

import { Problem } from '../kernel/problem.ts';
import { POSTGRES_REFUSED } from './problems.ts';

/** The URL with every secret in it replaced by `***`. Pure. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?]*):.*@/i, '$1:***@')
    .replaceAll(/([?&](?:password|sslpassword|sslkey)=)[^&]*/gi, '$1***');
}

/** The same server, another database. Pure. */
export function urlWithDatabase(url: string, database: string): string {
  const parts = /^([^/]+:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(url);
  return `${parts?.[1] ?? url}/${encodeURIComponent(database)}${parts?.[2] ?? ''}`;
}

export interface UrlOptions {
  readonly database?: string | undefined;
  readonly applicationName?: string | undefined;
}

/** The driver knows `replication`; its types do not. */
export type DriverConfig = pg.ClientConfig & { readonly replication?: 'true' };

/** @throws Problem POSTGRES_REFUSED when it is no connection URL. */
export function openClient(
  url: string,
  { database, applicationName }: UrlOptions,
  config: DriverConfig,
): pg.Client {
  const chosen = database === undefined ? url : urlWithDatabase(url, database);
  const compatible = /[?&]sslmode=/.test(chosen) && !chosen.includes('uselibpqcompat=');
  try {
    return new pg.Client({
      ...config,
      application_name: applicationName ?? 'dbdr',
      connectionString: compatible ? `${chosen}&uselibpqcompat=true` : chosen,
    });
  } catch (error) {
    // No cause: the parser's error may quote the URL with its password.
    const noAuthority = error instanceof Error && error.message.includes('sslrootcert');
    throw new Problem(
      POSTGRES_REFUSED,
      `Cannot connect to "${redactUrl(url)}": it is not a usable connection URL`,
      noAuthority
        ? { hint: 'Name the certificate authority with `sslrootcert` in the `url`.' }
        : {},
    );
  }
}

/** `shop at db.internal:5432`: for messages. */
export function describePlace(client: pg.Client): string {
  return `${client.database ?? 'postgres'} at ${client.host}:${client.port}`;
}
