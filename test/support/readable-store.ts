/**
 * A directory store with a backup of a real PostgreSQL (two tablespaces, an unlogged table, small packs, a
 * proof point) and its log: whole segments, one in two tails, a history file. And what our own restore makes
 * of it. A store beside it holds another backup of the same server, which was not compressed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import type { ProofPoint } from '../../src/engines/proof-point.ts';
import {
  type StreamingTuning,
  streamingEngine,
} from '../../src/engines/streaming/streaming-engine.ts';
import { historyKey, segmentKey, tailKey } from '../../src/engines/streaming/wal-format.ts';
import { putWal, type WalPlace } from '../../src/engines/streaming/wal-objects.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { lsnBytes, lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import { testServerName } from './folder-archive.ts';
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { sampleProofPoint } from './sample-proof-point.ts';
import { temporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);

export const SEGMENT_BYTES = 1 << 20;
const HISTORY = '8\t0/1\tsample\n';
const PACK_BYTES_MAX = 1 << 20;
const COMMAND_MS = 120_000;

export interface ReadableStore extends AsyncDisposable {
  readonly postgres: TestPostgres;
  /**
   * Holds `store`, `keyring.json`, and `ours`: the backup as our own restore writes it. And `plain-store`,
   * with the one that was not compressed, and `ours-plain`.
   */
  readonly folder: string;
  readonly summary: BackupSummary;
  readonly proofPoint: ProofPoint;
  /** Without a proof point. */
  readonly plain: BackupSummary;
  /** The backup's folder in the store. */
  readonly backup: string;
  /** Whole segments that are stored, oldest first. */
  readonly segments: readonly SegmentName[];
  /** The one that is stored as tails. */
  readonly unfinished: SegmentName;
  readonly history: { readonly name: string; readonly text: string };
  /** A relation's file that lies in several frames, and a small one. */
  readonly files: { readonly large: string; readonly small: string };
}

export async function openReadableStore(): Promise<ReadableStore> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder()).path;
  const settings = { wal_keep_size: '512MB' };
  const postgres = stack.use(
    await startPostgres({ settings, initdbArguments: ['--wal-segsize=1'] }),
  );
  const files = await fill(postgres);
  await createKeyFile(join(folder, 'keyring.json'));
  const ring = await openFileKeyRing(join(folder, 'keyring.json'));
  const store = directoryStore(join(folder, 'store'));
  let tuning: StreamingTuning = {};
  const engine = streamingEngine({
    connectionUrl: () => postgres.url(),
    clock: systemClock,
    workers: 2,
    packBytesMax: PACK_BYTES_MAX,
    tuning: () => tuning,
  });
  const means = { store, ring, signal: AbortSignal.timeout(COMMAND_MS), onProgress: ignore };
  const server = testServerName('shop');
  let proofPoint: ProofPoint | undefined;
  const summary = await engine.takeBackup({
    ...means,
    server,
    backupId: backupIdAt(systemClock.now()),
    log: silentLog,
    takeProofPoint: async ({ summary: { endLsn } }) => {
      proofPoint = sampleProofPoint(endLsn, endLsn);
      return proofPoint;
    },
  });
  if (proofPoint === undefined) throw new Error('Nobody asked for a proof point');
  const log = await storeLog(postgres, { ...means, folder: summary }, summary);
  await engine.restoreFiles({ ...means, summary, directory: join(folder, 'ours') });
  tuning = { compression: { method: 'none', level: 1 } };
  const beside = { ...means, store: directoryStore(join(folder, 'plain-store')) };
  const backupId = backupIdAt(systemClock.now());
  const plain = await engine.takeBackup({ ...beside, server, backupId, log: silentLog });
  const directory = join(folder, 'ours-plain');
  await engine.restoreFiles({ ...beside, summary: plain, directory });
  return {
    postgres,
    folder,
    summary,
    proofPoint,
    plain,
    backup: `shop/${summary.major}-${summary.systemId}/base/${summary.backupId}`,
    ...log,
    history: { name: '00000009.history', text: HISTORY },
    files,
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

async function fill(postgres: TestPostgres): Promise<ReadableStore['files']> {
  const elsewhere = join(postgres.socketDirectory, 'elsewhere');
  await mkdir(elsewhere);
  if (postgres.user !== undefined) await chown(elsewhere, postgres.user.uid, postgres.user.gid);
  for (const sql of [
    `CREATE TABLESPACE elsewhere LOCATION '${elsewhere}'`,
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 60000) i',
    'CREATE TABLE far TABLESPACE elsewhere AS SELECT * FROM orders LIMIT 5000',
    'CREATE UNLOGGED TABLE basket AS SELECT * FROM orders LIMIT 10',
    'CHECKPOINT',
  ])
    await postgres.query(sql);
  const [row] = await postgres.query(
    `SELECT pg_relation_filepath('orders') AS large, pg_relation_filepath('pg_class') AS small`,
  );
  return { large: String(row?.['large']), small: String(row?.['small']) };
}

/** Stores everything since the backup began. */
async function storeLog(
  postgres: TestPostgres,
  place: WalPlace,
  summary: BackupSummary,
): Promise<Pick<ReadableStore, 'segments' | 'unfinished'>> {
  await postgres.query(`INSERT INTO orders VALUES (-1, 'after')`);
  await postgres.query('SELECT pg_switch_wal()');
  await postgres.query(`INSERT INTO orders VALUES (-2, 'in the tail')`);
  const [row] = await postgres.query(
    'SELECT pg_current_wal_flush_lsn() AS lsn, pg_walfile_name(pg_current_wal_flush_lsn()) AS name',
  );
  const unfinished = String(row?.['name']);
  if (!isSegmentName(unfinished)) throw new TypeError(unfinished);
  const log = join(postgres.dataDirectory, 'pg_wal');
  const begin = lsnBytes(summary.beginLsn);
  const segments = (await readdir(log)).filter(isSegmentName).filter((name) => {
    const first = lsnBytes(segmentPlace(name, SEGMENT_BYTES).beginLsn);
    return first + BigInt(SEGMENT_BYTES) > begin && name < unfinished;
  });
  for (const name of segments) {
    const content = await readFile(join(log, name));
    await putWal(place, segmentKey(summary, name, place.ring.contentName(content)), content);
  }
  const first = lsnBytes(segmentPlace(unfinished, SEGMENT_BYTES).beginLsn);
  const end = lsnBytes(toLsn(String(row?.['lsn'])));
  const content = await readFile(join(log, unfinished));
  for (const [from, to] of [
    [first, first + 100n],
    [first + 100n, end],
  ] as const) {
    const tail = { segment: unfinished, from: lsnFromBytes(from), to: lsnFromBytes(to) };
    const bytes = content.subarray(Number(from - first), Number(to - first));
    await putWal(place, tailKey(summary, tail), bytes);
  }
  await putWal(place, historyKey(summary, '00000009.history'), Buffer.from(HISTORY));
  return { segments: segments.toSorted(), unfinished };
}

/** The restored copy as PostgreSQL will run it: the log from `log`, until it ends. */
export async function makeRecoverable(
  { postgres }: ReadableStore,
  directory: string,
  log: string,
): Promise<void> {
  // Copied: PostgreSQL's user may not be able to reach this checkout, and the script in it.
  const setting = `restore_command = 'cp ${log}/%f %p'\n`;
  await writeFile(join(directory, 'postgresql.auto.conf'), setting);
  await writeFile(join(directory, 'recovery.signal'), '');
  if (postgres.user === undefined) return;
  const owner = `${postgres.user.uid}:${postgres.user.gid}`;
  await run('chown', ['-R', owner, log, directory, `${directory}.tablespaces`]);
}

/** Each file with its mode and a hash of its bytes, each folder with its mode, each link. */
export async function contentOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const content = new Map<string, string>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const mode = ((await stat(path)).mode & 0o777).toString(8);
    const name = path.slice(directory.length);
    if (entry.isSymbolicLink()) content.set(name, (await readlink(path)).slice(directory.length));
    else if (entry.isDirectory()) content.set(name, `folder ${mode}`);
    else content.set(name, `${mode} ${sha256(await readFile(path))}`);
  }
  return content;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function ignore(): void {
  // Nobody looks at the progress.
}
