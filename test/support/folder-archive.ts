/**
 * A small real engine and WAL archive for tests of recovery: backups are what `pg_basebackup` wrote,
 * WAL is what `pg_receivewal` received, both in plain folders. Nothing is encrypted or compressed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import type { WalArchive, WalInventory, WalRun } from '../../src/engines/wal-archive.ts';
import { backupIdAt, isServerName, type ServerName } from '../../src/kernel/ids.ts';
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, segmentNameAt, segmentPlace } from '../../src/kernel/wal-name.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import type { TestPostgres } from './postgres-cluster.ts';
import { waitUntil } from './wait-until.ts';

const SLOT = 'folder_archive';
const SEGMENT_BYTES = 16 * 1024 * 1024;
const ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/bin:/bin' };

export interface FolderArchive extends AsyncDisposable {
  readonly engine: Engine;
  readonly walArchive: WalArchive;
  readonly walFolder: string;
  /** Takes a base backup with `pg_basebackup`. */
  backup(): Promise<BackupSummary>;
  /** Resolves when everything the server has written so far is stored; answers that position. */
  caughtUp(): Promise<Lsn>;
  /** Ends the receiver: what comes later is not stored. */
  stopReceiving(): Promise<void>;
  /** Called before each piece of work of the engine: for faults. */
  beforeFile?: (name: string) => Promise<void>;
}

export function testServerName(name: string): ServerName {
  if (!isServerName(name)) throw new Error(`Not a server name: "${name}"`);
  return name;
}

export async function openFolderArchive(
  server: TestPostgres,
  folder: string,
  name: ServerName,
  options: { readonly resume: boolean } = { resume: false },
): Promise<FolderArchive> {
  const walFolder = join(folder, 'wal');
  const backups: BackupSummary[] = [];
  await mkdir(walFolder, { recursive: true });
  if (!options.resume)
    await server.query(`SELECT pg_create_physical_replication_slot('${SLOT}', true)`);
  const receiver = startReceiver(server, walFolder);
  const archive: FolderArchive = {
    walFolder,
    engine: folderEngine(folder, backups, () => archive.beforeFile),
    walArchive: folderWal(walFolder),
    backup: async () => {
      const summary = await takeBackup(server, { folder, name, number: backups.length });
      backups.push(summary);
      return summary;
    },
    async caughtUp() {
      const [row] = await server.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
      const lsn = toLsn(String(row?.['lsn']));
      await waitUntil(async () => {
        const [sent] = await server.query(
          `SELECT bool_or(write_lsn >= '${lsn}') AS ok FROM pg_stat_replication`,
        );
        return sent?.['ok'] === true;
      });
      return lsn;
    },
    async stopReceiving() {
      if (receiver.exitCode !== null) return;
      const ended = new Promise<void>((resolve) => receiver.once('exit', () => resolve()));
      receiver.kill('SIGINT');
      await ended;
    },
    [Symbol.asyncDispose]: () => archive.stopReceiving(),
  };
  return archive;
}

function startReceiver(server: TestPostgres, walFolder: string): ChildProcess {
  const program = server.programs.path('pg_receivewal') ?? '';
  return spawn(
    program,
    ['-D', walFolder, '-d', server.url(), '--synchronous', '-s', '1', '--no-loop', '-S', SLOT],
    { env: ENVIRONMENT, stdio: 'ignore' },
  );
}

async function takeBackup(
  server: TestPostgres,
  where: { readonly folder: string; readonly name: ServerName; readonly number: number },
): Promise<BackupSummary> {
  const began = Temporal.Now.instant();
  // Two backups of a test may begin in the same second.
  const backupId = backupIdAt(began.add({ seconds: where.number }));
  const directory = join(where.folder, 'base', backupId);
  await runProgramWell(
    server.programs.path('pg_basebackup') ?? '',
    ['-D', directory, '-c', 'fast', '-X', 'none', '-d', server.url()],
    {
      signal: AbortSignal.timeout(60_000),
      deadlineMs: 60_000,
      cwd: '/',
      environment: ENVIRONMENT,
    },
  );
  const [end] = await server.query(
    'SELECT pg_current_wal_lsn()::text AS lsn, system_identifier::text AS id FROM pg_control_system()',
  );
  const label = await readFile(join(directory, 'backup_label'), 'utf8');
  const begin = /START WAL LOCATION: (\S+)/.exec(label)?.[1] ?? '';
  return {
    backupId,
    server: where.name,
    major: 15,
    systemId: String(end?.['id']),
    timeline: 1,
    segmentBytes: SEGMENT_BYTES,
    beginLsn: toLsn(begin),
    endLsn: toLsn(String(end?.['lsn'])),
    beganAt: began.toString(),
    endedAt: Temporal.Now.instant().toString(),
    sourceBytes: 30_000_000,
    storedBytes: 5_000_000,
    files: 1000,
    packs: 1,
    keyId: 'none',
    damagedFiles: [],
  };
}

async function notHere(): Promise<never> {
  throw new Error('Tests of recovery do not use this');
}

function folderEngine(
  folder: string,
  backups: readonly BackupSummary[],
  before: () => FolderArchive['beforeFile'],
): Engine {
  return {
    takeBackup: notHere,
    checkObjects: notHere,
    sweepUnfinished: notHere,
    listBackups: async () => ({ backups: [...backups], unreadable: [] }),
    async restoreFiles({ summary, directory, signal, onProgress }) {
      const source = join(folder, 'base', summary.backupId);
      let files = 0;
      await mkdir(directory, { recursive: true });
      await cp(source, directory, {
        recursive: true,
        filter: async (from) => {
          signal.throwIfAborted();
          await before()?.(from);
          files += 1;
          if (files % 100 === 0) onProgress({ doneBytes: files, totalBytes: summary.files });
          return true;
        },
      });
      return { files, writtenBytes: 0, readBytes: 0 };
    },
  };
}

function folderWal(folder: string): WalArchive {
  return {
    inventory: async () => takeInventory(folder),
    async read({ name, signal }) {
      signal.throwIfAborted();
      for (const candidate of [name, `${name}.partial`]) {
        const bytes = await readFile(join(folder, candidate)).catch(() => undefined);
        if (bytes === undefined) continue;
        return name.endsWith('.history') ? bytes : padded(bytes);
      }
      return undefined;
    },
  };
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], SEGMENT_BYTES);
}

async function takeInventory(folder: string): Promise<WalInventory> {
  const files = (await readdir(folder)).toSorted();
  const runs: WalRun[] = [];
  const missing = [];
  for (const file of files) {
    const name = file.replace('.partial', '');
    if (!isSegmentName(name)) continue;
    const { timeline, beginLsn } = segmentPlace(name, SEGMENT_BYTES);
    const end = await endOf(join(folder, file), beginLsn);
    const last = runs.at(-1);
    if (last !== undefined && compareLsn(last.toLsn, beginLsn) === 0) {
      runs[runs.length - 1] = { ...last, toLsn: end };
      continue;
    }
    if (last !== undefined) {
      for (let at = lsnBytes(last.toLsn); at < lsnBytes(beginLsn); at += BigInt(SEGMENT_BYTES))
        missing.push(segmentNameAt(timeline, lsnFromBytes(at), SEGMENT_BYTES));
    }
    runs.push({ timeline, fromLsn: beginLsn, toLsn: end });
  }
  return { runs, missing, histories: [], segments: files.length, storedBytes: 0 };
}

/** `pg_receivewal` pads an unfinished segment: its end is behind the last byte that is not zero. */
async function endOf(path: string, begin: Lsn): Promise<Lsn> {
  const bytes = path.endsWith('.partial') ? await readFile(path) : undefined;
  if (bytes === undefined) return lsnFromBytes(lsnBytes(begin) + BigInt((await stat(path)).size));
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return lsnFromBytes(lsnBytes(begin) + BigInt(length));
}
