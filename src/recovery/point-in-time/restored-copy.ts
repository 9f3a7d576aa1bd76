/** Opens a session in a restored copy, as whatever superuser it has: nobody knows that name beforehand. */
import type { ScratchCluster } from '../../clusters/scratch-cluster.ts';
import { Problem } from '../../kernel/problem.ts';
import type { ConnectOptions, Session } from '../../postgres/session.ts';
import { COPY_UNUSABLE } from '../problems.ts';

export interface CopyAccess {
  readonly superuser: string;
  readonly database: string;
  /** A libpq URL over the socket folder. */
  readonly url: string;
}

export interface CopyAccessRequest {
  readonly cluster: ScratchCluster;
  readonly connect: (url: string, options: ConnectOptions) => Promise<Session>;
  /** The role the server's URL names: it very likely is in the backup. */
  readonly role: string;
  /** The database that is meant; it may not have been there at the target. */
  readonly database: string;
  readonly signal: AbortSignal;
}

/**
 * For libpq's `options`. What production sets for a database or a role wins over the copy's own
 * configuration, and what a client asks for over both: such a library need not be on this machine.
 */
export const NO_PRELOADS = '-c session_preload_libraries= -c local_preload_libraries=';

/** The same place, entered without production's libraries. Only a superuser may ask for it. Pure. */
export function withoutPreloads(url: string): string {
  return `${url}&options=${encodeURIComponent(NO_PRELOADS)}`;
}

/** @throws Problem RECOVERY_COPY_UNUSABLE when no role that we can guess exists in it. */
export async function findCopyAccess(request: CopyAccessRequest): Promise<CopyAccess> {
  const { cluster, connect, signal } = request;
  let failure: unknown;
  const urls = [...new Set([request.role, 'postgres', 'dbdr'])].flatMap((role) => {
    const url = cluster.url('template1', role);
    return [url, withoutPreloads(url)];
  });
  for (const entrance of urls) {
    try {
      await using session = await connect(entrance, { signal });
      const superuser = await oneName(
        session,
        'SELECT rolname AS name FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1',
      );
      const database = await oneName(
        session,
        `SELECT datname AS name FROM pg_database WHERE datallowconn AND datconnlimit <> -2
         ORDER BY datname = $1 DESC, datname = 'postgres' DESC, datname LIMIT 1`,
        request.database,
      );
      return { superuser, database, url: cluster.url(database, superuser) };
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  }
  const message = `Cannot enter the restored copy: it has none of the roles "${request.role}" and "postgres"`;
  throw new Problem(COPY_UNUSABLE, message, { cause: failure });
}

async function oneName(session: Session, sql: string, value?: string): Promise<string> {
  const [row] = await session.query<{ name: string }>(sql, value === undefined ? [] : [value]);
  if (row === undefined)
    throw new Problem(COPY_UNUSABLE, 'Cannot use the restored copy: no superuser may log in');
  return row.name;
}
