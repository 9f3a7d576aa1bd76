/**
 * Who receives the log of a server and keeps it: our archiving to a folder and to a bucket, and
 * PostgreSQL's own `pg_receivewal`. pgBackRest is in `wal-pgbackrest.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { type Lsn, toLsn } from '../../src/kernel/lsn.ts';
import { slotName } from '../../src/postgres/slots.ts';
import type { Versitygw } from '../support/peers.ts';
import type { TestPostgres } from '../support/postgres-cluster.ts';
import { makeBucket } from '../support/s3-peers.ts';
import { waitUntil } from '../support/wait-until.ts';
import { WalNews, type WalRequest } from './ours-words.ts';
import { familyCpuSeconds, peakKiBOf } from './processes.ts';
import {
  type DurableMarks,
  endOfSegment,
  follow,
  followQuery,
  nowMs,
  openMarks,
} from './wal-marks.ts';

export interface Receiver {
  readonly name: string;
  /** From `backlog` on, a slot that keeps log; default: from now on. Resolves when it is receiving. */
  start(options?: { readonly backlog?: string }): Promise<Receiving>;
}

/** Disposing ends it and removes what it stored and its slot. */
export interface Receiving extends AsyncDisposable {
  /** Up to where the log is durable at the receiver, and when it was. */
  readonly marks: DurableMarks;
  /** When it was told to begin, all its code being loaded. */
  readonly begunMs: number;
  /** Since it was started. */
  cpuSeconds(): Promise<number>;
  /** The largest resident set of one of its processes. */
  peakMiB(): Promise<number>;
}

export interface ReceiverArena {
  readonly postgres: TestPostgres;
  /** An existing folder that everybody may enter. */
  readonly folder: string;
  readonly tailSeconds: number;
  readonly gateway: Versitygw | undefined;
}

const THEIR_SLOT = 'receivewal';
const START_MS = 60_000;

export function oursToFolder(arena: ReceiverArena): Receiver {
  const server = 'folder';
  const home = join(arena.folder, 'ours-wal');
  const path = join(home, 'store');
  return {
    name: 'ours → directory',
    start: async (options) =>
      startOurs(arena, { server, home, store: { kind: 'directory', path } }, options),
  };
}

export async function oursToBucket(arena: ReceiverArena, gateway: Versitygw): Promise<Receiver> {
  const { endpoint, region, accessKeyId, secretAccessKey, dataFolder } = gateway;
  const peer = { endpoint, region, accessKeyId, secretAccessKey };
  const bucket = 'bench-wal';
  await makeBucket(peer, { name: bucket });
  const home = join(arena.folder, 'ours-wal-bucket');
  let times = 0;
  return {
    name: 'ours → bucket',
    async start(options) {
      await rm(join(dataFolder, bucket, `time-${times}`), { recursive: true, force: true });
      times++;
      const store = { kind: 'bucket' as const, ...peer, bucket, prefix: `time-${times}` };
      return startOurs(arena, { server: 'bucket', home, store }, options);
    },
  };
}

interface OurPlace {
  /** Two servers' archiving may run at once. */
  readonly server: string;
  readonly home: string;
  readonly store: WalRequest['store'];
}

async function startOurs(
  { postgres, tailSeconds }: ReceiverArena,
  { server, home, store }: OurPlace,
  { backlog }: { readonly backlog?: string } = {},
): Promise<Receiving> {
  await rm(home, { recursive: true, force: true });
  await mkdir(home);
  const slot = slotName(server);
  if (backlog !== undefined) await copySlot(postgres, backlog, slot);
  const program = fileURLToPath(new URL('./wal-process.ts', import.meta.url));
  const request: WalRequest = { server, url: postgres.url(), store, catalog: home, tailSeconds };
  const child = spawn(process.execPath, [program, JSON.stringify(request)], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = endOf(child);
  const marks = openMarks();
  let isLoaded = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const news = WalNews.parse(JSON.parse(line));
    if (news === 'loaded') isLoaded = true;
    else marks.add(toLsn(news.storedLsn), news.atMs);
  });
  async function running(condition: () => boolean): Promise<void> {
    const reached = waitUntil(condition, START_MS);
    // One that has failed tells why.
    await Promise.race([reached, ended.then(() => reached)]);
  }
  await running(() => isLoaded);
  const before = familyCpuSeconds(child.pid ?? 0);
  const begunMs = nowMs();
  child.stdin.write('go\n');
  // With a backlog the clock is already running.
  if (backlog === undefined) await running(() => marks.all.length > 0);
  return {
    marks,
    begunMs,
    cpuSeconds: async () => familyCpuSeconds(child.pid ?? 0) - before,
    peakMiB: async () => peakKiBOf(child.pid ?? 0) / 1024,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
      await dropSlot(postgres, slot);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export interface ReceiveWalOptions {
  readonly name: string;
  readonly args: readonly string[];
}

export function pgReceiveWal(arena: ReceiverArena, { name, args }: ReceiveWalOptions): Receiver {
  const { postgres, folder } = arena;
  const home = join(folder, 'receivewal');
  return {
    name,
    async start({ backlog } = {}) {
      await rm(home, { recursive: true, force: true });
      await mkdir(home);
      if (backlog === undefined)
        await postgres.query(`SELECT pg_create_physical_replication_slot('${THEIR_SLOT}', true)`);
      else await copySlot(postgres, backlog, THEIR_SLOT);
      const path = postgres.programs.path('pg_receivewal') ?? 'pg_receivewal';
      const all = ['-D', home, '-d', postgres.url(), '-n', '-s', '1', '-S', THEIR_SLOT, ...args];
      const begunMs = nowMs();
      const child = spawn(path, all, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = endOf(child);
      // It tells the server at once what it has on its disk, or only now and then.
      const isPrompt = args.includes('--synchronous');
      const following = isPrompt
        ? await followQuery(postgres, { sql: `SELECT flush_lsn::text ${STREAMING}`, read: toLsn })
        : follow(async () => newestSegment(home));
      if (backlog === undefined)
        await waitUntil(async () => (await postgres.query(`SELECT 1 ${STREAMING}`)).length > 0);
      return {
        marks: following.marks,
        begunMs,
        cpuSeconds: async () => familyCpuSeconds(child.pid ?? 0),
        peakMiB: async () => peakKiBOf(child.pid ?? 0) / 1024,
        async [Symbol.asyncDispose]() {
          await following[Symbol.asyncDispose]();
          child.kill('SIGINT');
          await ended;
          await dropSlot(postgres, THEIR_SLOT);
          await rm(home, { recursive: true, force: true });
        },
      };
    },
  };
}

const STREAMING = `FROM pg_stat_replication WHERE application_name = 'pg_receivewal' AND state = 'streaming'`;

/** One that has its own name, and not that of an unfinished one, is on disk. */
async function newestSegment(folder: string): Promise<Lsn | undefined> {
  const names = await readdir(folder);
  return names
    .toSorted()
    .flatMap((name) => endOfSegment(name) ?? [])
    .at(-1);
}

async function copySlot(postgres: TestPostgres, from: string, to: string): Promise<void> {
  await postgres.query('SELECT pg_copy_physical_replication_slot($1, $2)', [from, to]);
}

async function dropSlot(postgres: TestPostgres, name: string): Promise<void> {
  await waitUntil(async () => {
    const used = 'SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = $1';
    return (await postgres.query(used, [name])).length === 0;
  });
  await postgres.query('SELECT pg_drop_replication_slot($1)', [name]);
}

/** @throws Error with its words when it fails */
async function endOf(child: ChildProcess): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      code === 0 || signal === 'SIGINT' ? resolve() : reject(new Error(`It ended: ${errors}`)),
    );
  });
  // Whoever waits for it hears of it; before that nobody is listening.
  ended.catch(() => undefined);
  return await ended;
}
