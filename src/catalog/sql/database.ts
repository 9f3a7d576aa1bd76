/**
 * One SQLite file, shared by processes. Kysely writes the statements, better-sqlite3 runs them. A
 * transaction is one synchronous function: nothing else of this process can come in between, and the
 * lock is held for as long as the statements take.
 *
 * better-sqlite3 is synchronous: a busy time-out would freeze the whole process while another holds
 * the lock. So the time-out is 0, and whoever finds the file locked tries again after an asynchronous
 * wait. Writers begin with `BEGIN IMMEDIATE`: reading first and writing later in one transaction gives
 * SQLITE_BUSY_SNAPSHOT, which no wait can cure.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';

import BetterSqlite3 from 'better-sqlite3';
import {
  type Compilable,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

import { type BackoffPolicy, backoffMs } from '../../kernel/backoff.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { CATALOG_BUSY, CATALOG_TOO_NEW, CATALOG_UNREADABLE } from '../problems.ts';
import { MIGRATIONS, type Tables } from './schema.ts';

/** Only builds statements: it has no connection of its own. */
export const sql = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** What may be done inside one transaction. */
export interface Session {
  all<T>(query: Compilable<T>): readonly T[];
  first<T>(query: Compilable<T>): T | undefined;
  /** Runs a statement that answers nothing; answers how many rows it changed. */
  change(query: Compilable): number;
}

export interface Database extends AsyncDisposable {
  read<T>(work: (session: Session) => T): Promise<T>;
  /** All of `work` or nothing of it is kept. `work` may be called again, so it changes nothing else. */
  write<T>(work: (session: Session) => T): Promise<T>;
}

export interface DatabaseOptions {
  readonly path: string;
  readonly clock: Clock;
  /** In [0, 1): spreads the waits of processes that met at the lock. */
  readonly random: () => number;
}

const BUSY_BACKOFF: BackoffPolicy = { firstMs: 2, capMs: 100 };
/** How long somebody may wait for the lock altogether. */
const BUSY_LIMIT_MS = 15_000;

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const connection = connect(options.path);
  const patience: Patience = { ...options, signal: new AbortController().signal };
  try {
    await patiently(patience, () => prepareConnection(connection));
    await patiently(patience, () => migrate(connection, options.path));
  } catch (error) {
    connection.close();
    throw error;
  }
  const session = sessionOn(connection);
  return {
    read: (work) => patiently(patience, () => connection.transaction(work).deferred(session)),
    write: (work) => patiently(patience, () => connection.transaction(work).immediate(session)),
    [Symbol.asyncDispose]: async () => {
      connection.close();
    },
  };
}

function connect(path: string): BetterSqlite3.Database {
  try {
    // The file holds plans and names of people: it is made readable to nobody else before SQLite
    // writes to it. SQLite gives its side files (-wal, -shm) the mode of the main file.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    return new BetterSqlite3(path, { timeout: 0 });
  } catch (error) {
    const state = error instanceof Error ? error.message : String(error);
    throw new Problem(CATALOG_UNREADABLE, `Cannot open the catalogue "${path}": ${state}`, {
      cause: error,
    });
  }
}

function prepareConnection(connection: BetterSqlite3.Database): void {
  connection.pragma('journal_mode = WAL');
  // An approval that was answered must survive a power cut: NORMAL may lose the last commits.
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
}

function migrate(connection: BetterSqlite3.Database, path: string): void {
  connection
    .transaction(() => {
      const done = Number(connection.pragma('user_version', { simple: true }));
      if (done > MIGRATIONS.length) {
        throw new Problem(
          CATALOG_TOO_NEW,
          `Cannot use the catalogue "${path}": its version is ${done}, this dbdr knows ${MIGRATIONS.length}`,
        );
      }
      for (const step of MIGRATIONS.slice(done)) connection.exec(step);
      connection.pragma(`user_version = ${MIGRATIONS.length}`);
    })
    .immediate();
}

function sessionOn(connection: BetterSqlite3.Database): Session {
  const prepared = new Map<string, BetterSqlite3.Statement>();

  function statement(text: string): BetterSqlite3.Statement {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    const made = connection.prepare(text);
    prepared.set(text, made);
    return made;
  }

  function all<T>(query: Compilable<T>): readonly T[] {
    const { sql: text, parameters } = query.compile();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement's builder knows it
    return statement(text).all(...parameters) as T[];
  }

  return {
    all,
    first: (query) => all(query)[0],
    change(query) {
      const { sql: text, parameters } = query.compile();
      return statement(text).run(...parameters).changes;
    },
  };
}

interface Patience extends DatabaseOptions {
  readonly signal: AbortSignal;
}

/** Tries `work` until the lock is free. @throws Problem CATALOG_BUSY */
async function patiently<T>(patience: Patience, work: () => T): Promise<T> {
  const beganMs = patience.clock.elapsedMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      const waitedMs = patience.clock.elapsedMs() - beganMs;
      if (waitedMs > BUSY_LIMIT_MS) {
        throw new Problem(
          CATALOG_BUSY,
          `Cannot use the catalogue "${patience.path}": another process has held it locked for ${Math.round(waitedMs)} ms`,
          { cause: error },
        );
      }
    }
    const waitMs = backoffMs(attempt, BUSY_BACKOFF, patience.random());
    await patience.clock.sleep(waitMs, { signal: patience.signal });
  }
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof BetterSqlite3.SqliteError &&
    (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED'))
  );
}
