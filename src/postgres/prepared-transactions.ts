/**
 * Transactions that somebody prepared and neither committed nor rolled back. They outlive their session and
 * a restart, keep their locks, hold back vacuum, and come back in every restored copy.
 */
import { formatSeconds } from '../kernel/moment.ts';
import type { Session } from './session.ts';

export interface PreparedTransaction {
  /** The name that the application gave it. */
  readonly gid: string;
  readonly database: string;
  /** Only it and a superuser may end it, and only from its database. */
  readonly owner: string;
  /** By the server's clock. */
  readonly ageSeconds: number;
}

/** A name each, for more there is `pg_prepared_xacts`. */
const NAMED_MAX = 3;

/** Of all databases, the oldest first. Everybody may see them; while a copy is in recovery nobody does. */
export async function readPreparedTransactions(
  session: Session,
): Promise<readonly PreparedTransaction[]> {
  const rows = await session.query<{ gid: string; database: string; owner: string; age: number }>(
    `SELECT gid, coalesce(database::text, '') AS database, coalesce(owner::text, '') AS owner,
            greatest(0, extract(epoch FROM clock_timestamp() - prepared))::float8 AS age
       FROM pg_prepared_xacts ORDER BY prepared, gid`,
  );
  return rows.map(({ gid, database, owner, age }) => ({ gid, database, owner, ageSeconds: age }));
}

/** `"order-7" in database shop of role app, prepared 3 h ago; and 2 more`. Pure. */
export function namePrepared(prepared: readonly PreparedTransaction[]): string {
  const named = prepared
    .slice(0, NAMED_MAX)
    .map(
      ({ gid, database, owner, ageSeconds }) =>
        `"${gid}" in database ${database} of role ${owner}, prepared ${formatSeconds(ageSeconds)} ago`,
    );
  const rest = prepared.length - NAMED_MAX;
  return [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

/** What ends the oldest of them, as SQL to choose from. Pure. */
export function endPrepared([first]: readonly PreparedTransaction[]): string {
  if (first === undefined) return '';
  const { gid, database, owner } = first;
  const name = `'${gid.replaceAll("'", "''")}'`;
  return `connect to database ${database} as ${owner} or as a superuser and run \`COMMIT PREPARED ${name};\` or \`ROLLBACK PREPARED ${name};\``;
}
