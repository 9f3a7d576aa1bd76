/**
 * Turns what PostgreSQL, the driver and the network say into Problems that tell what to do. Never
 * holds a password: only the server's own words, which do not, and the place without credentials.
 */
import { Problem, type ProblemKind } from '../kernel/problem.ts';
import {
  CONNECTION_LOST,
  NO_FREE_CONNECTION,
  NO_REPLICATION_RIGHT,
  NO_WAL_SENDER,
  PERMISSION_MISSING,
  POSTGRES_REFUSED,
  POSTGRES_UNREACHABLE,
  QUERY_FAILED,
  QUERY_TOO_SLOW,
  SLOT_TAKEN,
} from './problems.ts';
import { quoteIdentifier } from './session.ts';

/** An error or a notice as the server sends it. Source: PostgreSQL docs, Error and Notice Message Fields. */
export interface ServerMessage {
  readonly severity: string;
  /** SQLSTATE, such as `42501`. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
}

export interface ConnectContext {
  /** `shop at db.internal:5432`. */
  readonly place: string;
  readonly user: string;
  readonly replication: boolean;
}

/** Why a connection could not be made. */
export function connectProblem(error: unknown, context: ConnectContext): Problem {
  if (error instanceof Problem) return error;
  const told = messageOf(error);
  if (!/^[0-9A-Z]{5}$/.test(told.code)) return networkProblem(error, told.message, context);
  if (context.replication) {
    const problem = replicationProblem(told, context);
    if (problem !== undefined) return problem;
  }
  const kind = CONNECT_KINDS.get(told.code) ?? CONNECT_KINDS.get(told.code.slice(0, 2));
  const hint = connectHint(told, context);
  return new Problem(
    kind ?? POSTGRES_UNREACHABLE,
    `Cannot connect to ${context.place} as "${context.user}": ${told.message}`,
    { facts: { place: context.place, user: context.user, sqlState: told.code }, ...hint },
  );
}

/** What to run on the server, where the complaint says it. */
function connectHint(told: ServerMessage, context: ConnectContext): { readonly hint?: string } {
  const role = quoteIdentifier(context.user);
  if (told.code.startsWith('28') && /role ".*" does not exist/.test(told.message)) {
    const make = `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD '…'; GRANT pg_read_all_data TO ${role};`;
    return { hint: `Name another role in the \`url\`, or run on the server: \`${make}\`.` };
  }
  if (told.code === '28000' && told.message.includes('pg_hba.conf')) {
    const database = /database "([^"]+)"/.exec(told.message)?.[1] ?? 'all';
    const line = hbaLine(told.message, context, database);
    return {
      hint: `Add to pg_hba.conf on the server: \`${line}\`, and run \`SELECT pg_reload_conf();\`.`,
    };
  }
  if (told.code === '28P01')
    return {
      hint: `Check the password of ${role} in the \`url\`; @ : / ? # % in it are written %40 %3A %2F %3F %23 %25.`,
    };
  if (told.code === '3D000')
    return {
      hint: 'End the `url` with the name of a database that is there: `SELECT datname FROM pg_database;`.',
    };
  return {};
}

const CONNECT_KINDS: ReadonlyMap<string, ProblemKind> = new Map([
  ['28', POSTGRES_REFUSED],
  ['3D', POSTGRES_REFUSED],
  ['42', POSTGRES_REFUSED],
  ['53300', NO_FREE_CONNECTION],
]);

function networkProblem(error: unknown, message: string, context: ConnectContext): Problem {
  // What these have in common: somebody answered, and did not want us.
  const refused = /SSL|TLS|certificate|password|SASL|SCRAM/i.test(message);
  return new Problem(
    refused ? POSTGRES_REFUSED : POSTGRES_UNREACHABLE,
    `Cannot connect to ${context.place} as "${context.user}": ${message}`,
    { facts: { place: context.place, user: context.user }, cause: error },
  );
}

function replicationProblem(told: ServerMessage, context: ConnectContext): Problem | undefined {
  const facts = { place: context.place, user: context.user, sqlState: told.code };
  const message = `Cannot replicate from ${context.place} as "${context.user}": ${told.message}`;
  const role = quoteIdentifier(context.user);
  if (told.code === '42501') {
    const hint =
      `Run on the server: \`ALTER ROLE ${role} REPLICATION;\`, make sure of a line like this in its ` +
      `pg_hba.conf: \`${hbaLine(told.message, context, 'replication')}\`, then ask again.`;
    return new Problem(NO_REPLICATION_RIGHT, message, { facts, hint });
  }
  if (told.code === '28000' && told.message.includes('pg_hba.conf')) {
    const line = hbaLine(told.message, context, 'replication');
    const hint =
      `Add to pg_hba.conf on the server: \`${line}\`, run \`SELECT pg_reload_conf();\`, ` +
      `and make sure of \`ALTER ROLE ${role} REPLICATION;\`.`;
    return new Problem(NO_REPLICATION_RIGHT, message, { facts, hint });
  }
  if (told.code === '53300' && told.message.includes('max_wal_senders'))
    return new Problem(NO_WAL_SENDER, message, { facts });
  return undefined;
}

/** The line that is missing, as far as the complaint and the place tell it. */
function hbaLine(message: string, { user, place }: ConnectContext, database: string): string {
  const told = /(?:from|for) host "([^"]+)"/.exec(message)?.[1];
  const isLocal = told === '[local]' || (told === undefined && / at \//.test(place));
  if (isLocal) return `local ${database} ${user} scram-sha-256`;
  const host = told ?? 'ADDRESS-OF-THIS-MACHINE';
  const width = host.includes(':') ? 128 : 32;
  return `host ${database} ${user} ${host}/${width} scram-sha-256`;
}

/** Why a statement or a replication command failed. `action` continues "Cannot …". */
export function queryProblem(error: unknown, action: string): Problem {
  if (error instanceof Problem) return error;
  const told = messageOf(error);
  const kind = QUERY_KINDS.get(told.code) ?? QUERY_KINDS.get(told.code.slice(0, 2));
  const details = { facts: { sqlState: told.code } };
  if (told.code === '42501' && told.message.includes('replication role')) {
    const hint = 'Run on the server: `ALTER ROLE … REPLICATION;` for the role in the `url`.';
    return new Problem(NO_REPLICATION_RIGHT, `Cannot ${action}: ${told.message}`, {
      ...details,
      hint,
    });
  }
  if (kind !== undefined)
    return new Problem(kind, `Cannot ${action}: ${told.message}`, { ...details, cause: error });
  const lost = /terminated|ECONNRESET|EPIPE|not queryable|closed/i.test(
    `${told.code} ${told.message}`,
  );
  return new Problem(
    lost ? CONNECTION_LOST : QUERY_FAILED,
    `Cannot ${action}: ${told.message}`,
    /^[0-9A-Z]{5}$/.test(told.code) ? { ...details, cause: error } : { cause: error },
  );
}

const QUERY_KINDS: ReadonlyMap<string, ProblemKind> = new Map([
  ['57014', QUERY_TOO_SLOW],
  ['42501', PERMISSION_MISSING],
  ['55006', SLOT_TAKEN],
  ['57P01', CONNECTION_LOST],
  ['57P02', CONNECTION_LOST],
  ['57P03', CONNECTION_LOST],
  ['08', CONNECTION_LOST],
]);

function messageOf(error: unknown): ServerMessage {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  if (typeof error !== 'object' || error === null)
    return { severity: 'ERROR', code: '', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const message = 'message' in error && typeof error.message === 'string' ? error.message : '';
  return { severity: 'ERROR', code, message: message === '' ? code : message };
}
