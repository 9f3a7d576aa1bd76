/**
 * Where the sequences of a database stand. They are outside of transactions, so what is read is of now, and the
 * log's position before and after says of when that is.
 */
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Session } from './session.ts';

export interface SequenceState {
  readonly name: string;
  /** Null: no value was taken yet, or it may not be read. */
  readonly last: bigint | null;
  /** False: our role may not, or somebody holds it locked. */
  readonly isReadable: boolean;
  /** Negative: it counts down. */
  readonly increment: bigint;
  readonly cycles: boolean;
  /** Another one whenever it was restarted, alone or with its table, or made anew. `setval()` leaves it. */
  readonly fileNode: string;
}

export interface SequenceReading {
  /** The log's position before anything was read. */
  readonly fromLsn: Lsn;
  /** And after: every value that was read is in the log before it. */
  readonly toLsn: Lsn;
  readonly sequences: readonly SequenceState[];
}

/** Each statement locks the sequences it reads until it ends, in a table that all sessions share. */
const SEQUENCES_AT_ONCE = 500;

/** Must not be called inside a transaction, which would keep the locks. @throws Problem POSTGRES_* */
export async function readSequences(session: Session): Promise<SequenceReading> {
  const fromLsn = await readPosition(session);
  const sequences: SequenceState[] = [];
  for (let after = '0'; ; ) {
    const rows = await readSome(session, after);
    sequences.push(...rows.map(stateOf));
    const last = rows.at(-1);
    if (last === undefined || rows.length < SEQUENCES_AT_ONCE) break;
    after = last.oid;
  }
  return { fromLsn, toLsn: await readPosition(session), sequences };
}

/** One that is dropped in the very moment makes the statement fail. */
const ATTEMPTS_MAX = 3;

async function readSome(session: Session, after: string): Promise<readonly SequenceRow[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await session.query<SequenceRow>(SEQUENCES, [after, SEQUENCES_AT_ONCE]);
    } catch (error) {
      const isGone = isProblem(error) && error.facts['sqlState'] === 'XX000';
      if (!isGone || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

interface SequenceRow {
  readonly oid: string;
  readonly name: string;
  readonly last: string | null;
  readonly readable: boolean;
  readonly increment: string;
  readonly cycles: boolean;
  readonly file: string | null;
  readonly fileAfter: string | null;
}

function stateOf(row: SequenceRow): SequenceState {
  const { name, last, readable, increment, cycles, file, fileAfter } = row;
  return {
    name,
    last: last === null ? null : BigInt(last),
    // Restarted in the very moment: nobody knows in which file the value stood.
    isReadable: readable && file === fileAfter,
    increment: BigInt(increment),
    cycles,
    fileNode: file ?? '',
  };
}

async function readPosition(session: Session): Promise<Lsn> {
  const [row] = await session.query<{ lsn: string | null }>(
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                 ELSE pg_current_wal_insert_lsn() END::text AS lsn`,
  );
  return toLsn(row?.lsn ?? '0/0');
}

/**
 * Unlogged and temporary ones are not in the log. One that is locked is not waited for: in a paused copy a
 * transaction that was open there holds its locks for ever.
 */
const SEQUENCES = `
  WITH locked AS MATERIALIZED (
    SELECT l.relation FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.granted
       AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')),
  found AS (
    SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
           has_sequence_privilege(c.oid, 'SELECT, USAGE')
             AND NOT EXISTS (SELECT FROM locked l WHERE l.relation = c.oid) AS readable,
           s.seqincrement::text AS increment, s.seqcycle AS cycles
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND c.oid > $1::oid
     ORDER BY c.oid LIMIT $2)
  SELECT oid::text AS oid, name, readable, increment, cycles, pg_relation_filenode(oid)::text AS file,
         CASE WHEN readable THEN pg_sequence_last_value(oid) END::text AS last,
         pg_relation_filenode(oid)::text AS "fileAfter"
    FROM found ORDER BY found.oid`;
