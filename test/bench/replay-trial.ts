/**
 * How fast a restore replays log out of a store (read, decrypted, unpacked, checked), beside PostgreSQL
 * that replays the same segments with `restore_command = 'cp …'` out of a plain folder. Same files, same
 * settings, same position, in turns; each begins with PostgreSQL's start and ends where it stands paused.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

import { makeScratchFolders } from '../../src/clusters/folders.ts';
import { planScratchPlace } from '../../src/clusters/place.ts';
import { DEFAULT_REPLAY_SETTINGS } from '../../src/clusters/replay-settings.ts';
import { startScratchCluster } from '../../src/clusters/scratch-cluster.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { segmentKey } from '../../src/engines/streaming/wal-format.ts';
import { putWal } from '../../src/engines/streaming/wal-objects.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Lsn, lsnBytes, toLsn } from '../../src/kernel/lsn.ts';
import { isSegmentName, type SegmentName } from '../../src/kernel/wal-name.ts';
import { connect } from '../../src/postgres/connect.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { quoteShell } from '../../src/recovery/point-in-time/feed-script.ts';
import { recoverySettings } from '../../src/recovery/point-in-time/recovery-settings.ts';
import { restoreToScratch } from '../../src/recovery/point-in-time/restore.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import {
  type FolderArchive,
  openFolderArchive,
  testServerName,
} from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { testRecovery } from '../support/recovery-deps.ts';
import { testRun } from '../support/test-run.ts';
import type { TrialOptions, TrialReport } from './trial.ts';

const run = promisify(execFile);
const NAME = testServerName('bench');
const SEGMENTS = 100;
const SCALE = 30;
const POLL_MS = 20;
const SETTINGS = {
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  synchronous_commit: 'off',
  autovacuum: 'off',
};
const { signal } = new AbortController();

export async function replay({
  folder,
  rounds,
  say,
  isStopped,
}: TrialOptions): Promise<TrialReport> {
  const inside = await mkdtemp(join(folder, 'replay-'));
  await chmod(inside, 0o755);
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => rm(inside, { recursive: true, force: true }));
  say(`Writing ${SEGMENTS} segments of log …`);
  const log = await makeLog(inside, stack);
  const [plain, ours]: [number[], number[]] = [[], []];
  for (let round = 1; round <= rounds && !isStopped(); round++) {
    plain.push(await replayPlain(log));
    ours.push(await replayOurs(log));
    say(`Round ${round}: cp ${plain.at(-1)?.toFixed(2)} s, ours ${ours.at(-1)?.toFixed(2)} s`);
  }
  const [of, us] = [middle(plain), middle(ours)];
  return {
    title: `Replay of ${log.megabytes} MB of pgbench's log, seconds`,
    rows: [
      ['who', 'middle', 'all'],
      ['cp from a folder', of.toFixed(2), said(plain)],
      ['ours from a store', us.toFixed(2), said(ours)],
    ],
    goals: [{ goal: 'replay, wall / cp', atMost: 1.2, measured: us / of }],
  };
}

interface Log {
  readonly server: TestPostgres;
  readonly archive: FolderArchive;
  readonly base: BackupSummary;
  readonly inside: string;
  /** The last commit but a few: more log lies behind it. */
  readonly lsn: Lsn;
  readonly megabytes: number;
}

async function makeLog(inside: string, stack: AsyncDisposableStack): Promise<Log> {
  const server = stack.use(await startPostgres({ settings: SETTINGS }));
  await pgbench(server, ['-i', '-q', '-s', String(SCALE)]);
  const archive = stack.use(await openFolderArchive(server, inside, NAME));
  const base = await archive.backup();
  while ((await segmentsOf(archive)).length < SEGMENTS) {
    await pgbench(server, ['-n', '-c', '8', '-j', '2', '-T', '5']);
    // Whole pages come into the log again, as they do every few minutes in production.
    await server.query('CHECKPOINT');
  }
  const [row] = await server.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const lsn = toLsn(String(row?.['lsn']));
  await pgbench(server, ['-n', '-t', '10']);
  await server.query('SELECT pg_switch_wal()');
  await pgbench(server, ['-n', '-t', '10']);
  await archive.caughtUp();
  await archive.stopReceiving();
  await server.stop();
  await storeAll(inside, base, archive);
  // PostgreSQL's own user copies them.
  for (const name of await segmentsOf(archive)) await chmod(join(archive.walFolder, name), 0o644);
  const megabytes = Math.round(Number(lsnBytes(lsn) - lsnBytes(base.beginLsn)) / 1e6);
  return { server, archive, base, inside, lsn, megabytes };
}

async function segmentsOf({ walFolder }: FolderArchive): Promise<readonly SegmentName[]> {
  return (await readdir(walFolder)).filter(isSegmentName).toSorted();
}

async function pgbench(
  { socketDirectory, port, user }: TestPostgres,
  args: readonly string[],
): Promise<void> {
  const place = ['-h', socketDirectory, '-p', String(port), '-U', 'postgres'];
  await run('pgbench', [...place, ...args, 'postgres'], {
    cwd: '/',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
}

const RING = keyRing(new Map([['bench', Buffer.alloc(32, 7)]]));

function storeIn(inside: string): ObjectStore {
  return directoryStore(join(inside, 'store'));
}

/** As the receiver stores it. */
async function storeAll(
  inside: string,
  base: BackupSummary,
  archive: FolderArchive,
): Promise<void> {
  const { server, major, systemId } = base;
  const folder = { server, major, systemId };
  const place = { store: storeIn(inside), ring: RING, folder, signal };
  for (const name of await segmentsOf(archive)) {
    const plain = await readFile(join(archive.walFolder, name));
    await putWal(place, segmentKey(folder, name, RING.contentName(plain)), plain);
  }
}

async function replayOurs({ server, archive, base, inside, lsn }: Log): Promise<number> {
  const walArchive = walStore;
  const store = storeIn(inside);
  const scratch = join(inside, 'scratch');
  const deps = {
    ...testRecovery(server, archive, { name: NAME, scratch }),
    walArchive,
    ring: RING,
  };
  const { server: name, major, systemId, segmentBytes } = base;
  const folder = { server: name, major, systemId };
  const inventory = await walStore.inventory({ store, ring: RING, folder, segmentBytes, signal });
  const path = followWal(base, inventory);
  if (path === undefined) throw new Error('There is no log');
  const request = { server: NAME, store: { name: 'here', store }, base, path };
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  const copy = await restoreToScratch(deps, { ...request, target }, testRun());
  await copy.discard();
  return copy.measured.replaySeconds;
}

/** What PostgreSQL's manual gives as an example, and nothing else. */
async function replayPlain({ server, archive, base, inside, lsn }: Log): Promise<number> {
  const place = planScratchPlace({ root: join(inside, 'scratch'), name: 'plain' });
  await makeScratchFolders(place, server.user);
  await archive.engine.restoreFiles({
    store: storeIn(inside),
    ring: RING,
    summary: base,
    directory: place.dataDirectory,
    signal,
    onProgress: () => undefined,
  });
  const began = performance.now();
  const cluster = await startScratchCluster({
    place,
    programs: server.programs,
    user: server.user,
    settings: DEFAULT_REPLAY_SETTINGS,
    recovery: recoverySettings({
      target: { kind: 'lsn', asked: lsn, lsn },
      restoreCommand: `cp ${quoteShell(archive.walFolder)}/%f %p`,
      major: base.major,
      looksAhead: true,
      timeline: 'current',
    }),
    mode: 'replay',
    durable: false,
    clock: systemClock,
  });
  await cluster.waitReady({ signal });
  {
    await using session = await connect(cluster.url('postgres', 'postgres'), { signal });
    for (;;) {
      const [row] = await session.query<{ state: string }>(
        'SELECT pg_get_wal_replay_pause_state() AS state',
      );
      if (row?.state === 'paused') break;
      await systemClock.sleep(POLL_MS, { signal });
    }
  }
  const seconds = (performance.now() - began) / 1000;
  await cluster.destroy();
  return seconds;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function said(values: readonly number[]): string {
  return values.map((value) => value.toFixed(2)).join(', ');
}
