/**
 * Damages the files of a restored copy the way a lost write would, for tests: a row of a table or of the
 * catalogue is not there, or bytes of a page are others. Only where the server has no page checksums, or to see
 * that they are read. The rows must have been written before the backup began, or replay puts them back.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import type { Engine } from '../../src/engines/engine.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import type { TestPostgres } from './postgres-cluster.ts';

const PAGE_BYTES = 8192;
// bufpage.h: the array of item identifiers follows the header; the low 15 bits of each are the row's place.
const ITEMS_AT = 24;
const ITEM_BYTES = 4;

/** Damage in a copy's files is then found by looking, and not by the first page that is read. */
export async function takeChecksumsOff(server: TestPostgres): Promise<void> {
  await server.stop();
  await runProgramWell(
    server.programs.path('pg_checksums') ?? '',
    ['--disable', '--pgdata', server.dataDirectory],
    {
      signal: AbortSignal.timeout(60_000),
      deadlineMs: 60_000,
      cwd: '/',
      environment: { LC_ALL: 'C' },
      user: server.user,
    },
  );
  await server.start();
}

export interface RowPlace {
  /** `global/1260`, relative to the data directory. */
  readonly file: string;
  readonly block: number;
  /** Counts from 1. */
  readonly item: number;
}

/** `where` must choose one row. */
export async function findRow(
  server: TestPostgres,
  relation: string,
  where: string,
): Promise<RowPlace> {
  const [row] = await server.query(
    `SELECT pg_relation_filepath('${relation}') AS file, ctid::text AS place FROM ${relation} WHERE ${where}`,
  );
  const [, block, item] = /^\((\d+),(\d+)\)$/.exec(String(row?.['place'])) ?? [];
  return { file: String(row?.['file']), block: Number(block), item: Number(item) };
}

/** Its item identifier says: unused. */
export async function loseRow(directory: string, { file, block, item }: RowPlace): Promise<void> {
  const at = block * PAGE_BYTES + ITEMS_AT + (item - 1) * ITEM_BYTES;
  await write(join(directory, file), at, Buffer.alloc(ITEM_BYTES));
}

/** Writes into a row, `offset` bytes behind its header. */
export async function changeRow(
  directory: string,
  { file, block, item }: RowPlace,
  { offset, bytes }: { readonly offset: number; readonly bytes: Buffer },
): Promise<void> {
  const path = join(directory, file);
  await using handle = await open(path, 'r');
  const page = Buffer.alloc(PAGE_BYTES);
  await handle.read(page, 0, PAGE_BYTES, block * PAGE_BYTES);
  const begin = page.readUInt32LE(ITEMS_AT + (item - 1) * ITEM_BYTES) & 0x7fff;
  // htup_details.h: t_hoff is the byte before the bitmap of nulls.
  const header = page.readUInt8(begin + 22);
  await write(path, block * PAGE_BYTES + begin + header + offset, bytes);
}

/** Flips a byte near the end of a page, where rows are. */
export async function damagePage(directory: string, file: string, block: number): Promise<void> {
  const at = block * PAGE_BYTES + PAGE_BYTES - 100;
  await write(join(directory, file), at, Buffer.from([0xde, 0xad]));
}

/** Means whose restored files are damaged before the log is replayed. */
export function damagedBy(
  deps: VerificationDeps,
  damage: (directory: string) => Promise<void>,
): VerificationDeps {
  const { engine } = deps.recovery;
  const damaging: Engine = {
    ...engine,
    async restoreFiles(request) {
      const restored = await engine.restoreFiles(request);
      await damage(request.directory);
      return restored;
    },
  };
  return { ...deps, recovery: { ...deps.recovery, engine: damaging } };
}

async function write(path: string, at: number, bytes: Buffer): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
}
