/**
 * Opens an SQL session. Times are UTC in it, values come as `row-types.ts` says. When its signal aborts,
 * the running statement is cancelled on the server and the connection is destroyed; whoever waits gets
 * the signal's reason.
 */
import { createConnection } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

import { describePlace, openClient } from './connection-url.ts';
import { driverSocket } from './driver-socket.ts';
import { rowTypes } from './row-types.ts';
import { connectProblem, queryProblem } from './server-problems.ts';
import type { ConnectOptions, Session, SqlValue } from './session.ts';

const CONNECT_MS = 15_000;
const KEEPALIVE_MS = 30_000;
const STATEMENT_MS = 30_000;
/** How long a server may take to hang up before we do. */
const CLOSE_MS = 2000;

/**
 * @throws Problem POSTGRES_UNREACHABLE, POSTGRES_REFUSED, POSTGRES_NO_FREE_CONNECTION; its queries
 * throw POSTGRES_QUERY_FAILED, POSTGRES_QUERY_TOO_SLOW, POSTGRES_PERMISSION_MISSING,
 * POSTGRES_CONNECTION_LOST.
 */
export async function connect(url: string, options: ConnectOptions): Promise<Session> {
  const { signal, statementTimeoutMs = STATEMENT_MS } = options;
  signal.throwIfAborted();
  const client = openClient(url, options, {
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    types: rowTypes,
  });
  // A lost connection is told by the statement that is running, or by the next one.
  client.on('error', ignore);
  // The driver forgets whoever waits for a connection that is ended while it is being made.
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(ignore);
  function abort(): void {
    void client.end().catch(ignore);
    reject(signal.reason);
  }
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([openOn(client, statementTimeoutMs), aborted]);
  } catch (error) {
    signal.throwIfAborted();
    await client.end().catch(ignore);
    const context = { place: describePlace(client), user: client.user ?? '', replication: false };
    throw connectProblem(error, context);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return new PostgresSession(client, signal);
}

async function openOn(client: pg.Client, statementTimeoutMs: number): Promise<void> {
  await client.connect();
  await client.query(
    `SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO'; SET IntervalStyle TO 'iso_8601';
     SET extra_float_digits TO 1; SET statement_timeout TO ${Math.round(statementTimeoutMs)}`,
  );
}

class PostgresSession implements Session {
  readonly #client: pg.Client;
  readonly #signal: AbortSignal;
  readonly #abort: () => void;
  #closed: Promise<void> | undefined;

  constructor(client: pg.Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    this.#abort = () => {
      cancelStatement(client);
      void this.#close();
    };
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  async query<Row extends object>(
    sql: string,
    values: readonly SqlValue[] = [],
  ): Promise<readonly Row[]> {
    return await this.#told('run a statement', async () => {
      const { rows } = await this.#client.query<Row>(sql, values.map(asParameter));
      return rows;
    });
  }

  async *copyOut(sql: string): AsyncIterable<Buffer> {
    this.#signal.throwIfAborted();
    const rows: Readable = this.#client.query(copyTo(sql));
    try {
      for await (const chunk of rows) if (Buffer.isBuffer(chunk)) yield chunk;
    } catch (error) {
      throw this.#failure(error, 'copy rows out');
    }
  }

  async copyIn(sql: string, rows: AsyncIterable<Buffer>): Promise<number> {
    return await this.#told('copy rows in', async () => {
      const sink = this.#client.query(copyFrom(sql));
      await pipeline(rows, sink, { signal: this.#signal });
      return sink.rowCount;
    });
  }

  async transaction<T>(begin: string, work: () => Promise<T>): Promise<T> {
    await this.query(begin);
    let answer: T;
    try {
      answer = await work();
    } catch (error) {
      // The first failure is the one to tell; a dead connection has rolled back by itself.
      await this.query('ROLLBACK').catch(ignore);
      throw error;
    }
    await this.query('COMMIT');
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
    await this.#close();
  }

  async #told<T>(action: string, work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw this.#failure(error, action);
    }
  }

  #failure(error: unknown, action: string): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    return queryProblem(error, `${action} in ${describePlace(this.#client)}`);
  }

  #close(): Promise<void> {
    this.#closed ??= hangUp(this.#client);
    return this.#closed;
  }
}

async function hangUp(client: pg.Client): Promise<void> {
  const late = setTimeout(() => driverSocket(client).destroy(), CLOSE_MS);
  await client.end().catch(ignore);
  clearTimeout(late);
}

/** A request of its own on a second connection. Source: PostgreSQL docs, Canceling Requests in Progress. */
function cancelStatement(client: pg.Client): void {
  const processId: unknown = Reflect.get(client, 'processID');
  const secretKey: unknown = Reflect.get(client, 'secretKey');
  if (typeof processId !== 'number' || typeof secretKey !== 'number') return;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processId, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = client.host.startsWith('/')
    ? createConnection(`${client.host}/.s.PGSQL.${client.port}`)
    : createConnection(client.port, client.host);
  socket.on('error', ignore);
  socket.setTimeout(CLOSE_MS, () => socket.destroy());
  socket.end(request);
  socket.resume();
}

function asParameter(value: SqlValue): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function ignore(): void {
  // Nothing to do: the reason stands where it is called.
}
