/**
 * Copies one table from a restored copy into production, beside the living one: made, filled, counted
 * and compared in one transaction, so that what is there afterwards is whole and equal, or not there.
 */
import { Problem } from '../../kernel/problem.ts';
import { quoteIdentifier, type Session } from '../../postgres/session.ts';
import { COPY_DIFFERS } from '../problems.ts';
import type { FoundTable, TableShape } from './find-tables.ts';

export interface CopyRequest {
  readonly source: Session;
  readonly production: Session;
  readonly table: FoundTable;
  readonly shape: TableShape;
  readonly destination: { readonly schema: string; readonly name: string };
  readonly onProgress: (bytes: number) => void;
}

export interface CopiedTable {
  readonly rows: number;
  /** Of all rows in any order: equal on both sides. */
  readonly hash: string;
}

/** New tables in a new schema: nobody can hold a lock on them, and nobody should wait for ours. */
const LOCK_TIMEOUT_MS = 5000;

/** @throws Problem RECOVERY_COPY_DIFFERS when the two are not equal; POSTGRES_* */
export async function copyTable(request: CopyRequest): Promise<CopiedTable> {
  const { source, production, table, shape, destination } = request;
  const target = `${quoteIdentifier(destination.schema)}.${quoteIdentifier(destination.name)}`;
  const columns = shape.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const definitions = shape.columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  return production.transaction('BEGIN', async () => {
    await production.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await production.query(`CREATE TABLE ${target} (${definitions.join(', ')})`);
    const rows = counting(
      source.copyOut(`COPY (SELECT ${columns} FROM ${table.sqlName}) TO STDOUT`),
      request.onProgress,
    );
    await production.copyIn(`COPY ${target} (${columns}) FROM STDIN`, rows);
    if (shape.primaryKey.length > 0) {
      const key = shape.primaryKey.map((name) => quoteIdentifier(name)).join(', ');
      await production.query(`ALTER TABLE ${target} ADD PRIMARY KEY (${key})`);
    }
    const [there, here] = [
      await fingerprint(source, table.sqlName, columns),
      await fingerprint(production, target, columns),
    ];
    if (there.rows !== here.rows || there.hash !== here.hash) {
      throw new Problem(
        COPY_DIFFERS,
        `Cannot bring "${table.table}" back: the copy has ${here.rows} rows and the restored table ${there.rows}, or their contents differ`,
        { facts: { table: table.table, copiedRows: here.rows, restoredRows: there.rows } },
      );
    }
    return here;
  });
}

async function fingerprint(session: Session, table: string, columns: string): Promise<CopiedTable> {
  const [row] = await session.query<{ rows: string; hash: string }>(
    `SELECT count(*)::text AS rows,
            coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::text AS hash
     FROM (SELECT ${columns} FROM ${table}) AS r`,
  );
  return { rows: Number(row?.rows ?? 0), hash: row?.hash ?? '' };
}

async function* counting(
  chunks: AsyncIterable<Buffer>,
  onProgress: (bytes: number) => void,
): AsyncIterable<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    onProgress(bytes);
    yield chunk;
  }
}
