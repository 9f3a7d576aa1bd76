/** Base backups as the server really streams them. */
import { chown, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { compareLsn } from '../../src/kernel/lsn.ts';
import { type BaseBackupSink, streamBaseBackup } from '../../src/postgres/base-backup.ts';
import { openReplication } from '../../src/postgres/replication-connection.ts';
import { type TarEntry, TarReader } from '../../src/postgres/tar-reader.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  const folder = join(postgres.socketDirectory, 'elsewhere');
  await mkdir(folder);
  if (postgres.user !== undefined) await chown(folder, postgres.user.uid, postgres.user.gid);
  await postgres.query(`CREATE TABLESPACE elsewhere LOCATION '${folder}'`);
  await postgres.query(
    `CREATE TABLE big TABLESPACE elsewhere AS
       SELECT i, md5(i::text) AS text FROM generate_series(1, 200000) AS i`,
  );
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

interface File {
  readonly entry: TarEntry;
  /** CRC-32C as PostgreSQL's manifest writes it. */
  readonly crc: string;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82_f6_3b_78 : 0);
  return crc;
});

function crc32c(crc: number, bytes: Buffer): number {
  let sum = crc;
  for (const byte of bytes) sum = (sum >>> 8) ^ (CRC_TABLE[(sum ^ byte) & 0xff] ?? 0);
  return sum;
}

function crcText(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((crc ^ 0xff_ff_ff_ff) >>> 0);
  return bytes.toString('hex');
}

/** Reads everything, and pauses again and again as a slow store would. */
class Reading implements BaseBackupSink {
  readonly archives: string[] = [];
  readonly files = new Map<string, File>();
  readonly pieces: Buffer[] = [];
  readonly slow: boolean;
  pauses = 0;
  doneBytes = 0;
  #resume: () => void = () => undefined;
  #paused = false;
  #crc = 0xff_ff_ff_ff;
  #prefix = '';
  #tar: TarReader | undefined;

  constructor(slow: boolean) {
    this.slow = slow;
  }

  archive(name: string, path: string): void {
    this.#tar?.finish();
    this.archives.push(path === '' ? name : 'a tablespace');
    this.#prefix = path === '' ? '' : `pg_tblspc/${name.replace('.tar', '')}/`;
    this.#tar = new TarReader({
      entryBegin: () => {
        this.#crc = 0xff_ff_ff_ff;
      },
      entryData: ({ buffer, start, end }) => {
        this.#crc = crc32c(this.#crc, buffer.subarray(start, end));
      },
      entryEnd: (entry) => {
        this.files.set(this.#prefix + entry.path, { entry, crc: crcText(this.#crc) });
      },
    });
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#tar?.feed(buffer, start, end);
  }

  manifest(buffer: Buffer, start: number, end: number): void {
    this.pieces.push(Buffer.from(buffer.subarray(start, end)));
  }

  progress(doneBytes: number): void {
    this.doneBytes = doneBytes;
  }

  paused(): boolean {
    if (!this.slow || this.#paused) return this.#paused;
    this.#paused = true;
    this.pauses++;
    setImmediate(() => {
      this.#paused = false;
      this.#resume();
    });
    return true;
  }

  onResume(resume: () => void): void {
    this.#resume = resume;
  }
}

const Manifest = z.object({
  Files: z.array(z.object({ Path: z.string(), Size: z.number(), Checksum: z.string() })),
});

test.each([
  { name: 'at full speed', slow: false },
  { name: 'with a pause after every read', slow: true },
])('gives every file with the bytes the server meant, $name', async ({ slow }) => {
  const { signal } = new AbortController();
  await using connection = await openReplication(postgres.url(), { signal });
  const reading = new Reading(slow);

  const result = await streamBaseBackup(
    connection,
    { label: "it's a test", fastCheckpoint: true, tablespaceMap: true },
    reading,
    { signal },
  );

  expect(reading.archives).toEqual(['a tablespace', 'base.tar']);
  expect(reading.pauses > 10).toBe(slow);
  expect(result.damaged).toBe(false);
  expect(result.tablespaces).toHaveLength(1);
  expect(compareLsn(result.endLsn, result.beginLsn)).toBe(1);
  expect(result.timeline).toBe(1);
  expect(reading.doneBytes).toBeGreaterThan(20_000_000);
  expect(result.totalBytes).toBeGreaterThan(20_000_000);
  const manifest = Manifest.parse(JSON.parse(Buffer.concat(reading.pieces).toString('utf8')));
  expect(manifest.Files.length).toBeGreaterThan(900);
  const wrong = manifest.Files.filter((file) => {
    const read = reading.files.get(file.Path);
    return read?.entry.sizeBytes !== file.Size || read.crc !== file.Checksum;
  });
  expect(wrong).toEqual([]);
});

test('keeps a backup whose pages are damaged, and says in which file', async () => {
  await using damaged = await startPostgres();
  await damaged.query('CREATE TABLE broken AS SELECT generate_series(1, 5000) AS i');
  const [row] = await damaged.query(`SELECT pg_relation_filepath('broken') AS path`);
  const path = String(row?.['path']);
  await damaged.stop();
  const file = await open(join(damaged.dataDirectory, path), 'r+');
  await file.write(Buffer.from('damage'), 0, 6, 8192 + 4000);
  await file.close();
  await damaged.start();
  const { signal } = new AbortController();
  await using connection = await openReplication(damaged.url(), { signal });
  const reading = new Reading(false);

  const result = await streamBaseBackup(
    connection,
    { label: 'damaged', fastCheckpoint: true, tablespaceMap: true },
    reading,
    { signal },
  );

  expect(result.damaged).toBe(true);
  expect(result.notices.some(({ message }) => message.includes(path))).toBe(true);
  expect(reading.files.has('global/pg_control')).toBe(true);
  expect(reading.pieces.length).toBeGreaterThan(0);
});

test('ends with the reason of the signal when it is aborted in the middle', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  await using connection = await openReplication(postgres.url(), { signal });
  const reading = new Reading(false);
  const reason = new Error('somebody cancelled');
  reading.progress = () => controller.abort(reason);

  const streaming = streamBaseBackup(
    connection,
    { label: 'cancelled', fastCheckpoint: true, tablespaceMap: true },
    reading,
    { signal },
  );

  await expect(streaming).rejects.toBe(reason);
});
