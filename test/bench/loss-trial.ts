/**
 * What is lost when a server is gone from one moment to the next. Under `pgbench -c 8` every process of the
 * server is killed with SIGKILL and its data directory removed; then its newest moment is restored from the
 * store alone, by the commands that a person would type. Each transaction leaves a row with its client and
 * number: lost is what `pgbench` was told as committed and the copy does not have. Once with the bot alive,
 * and once with the bot killed in the same moment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';

import { createKeyFile } from '../../src/encryption/file-key-ring.ts';
import { runCommand, type Started, startCommand } from '../support/command-line.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { endProcessesNaming } from '../support/story-processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import { number } from './report.ts';
import type { TrialOptions, TrialReport } from './trial.ts';

const TAIL_SECONDS = 2;
/** The kill comes at any moment of a tail. */
const LOAD_MS = { min: 6000, max: 10_000 };
const READY_MS = 60_000;
const SCALE = '5';
const SETTINGS = { fsync: 'on', max_slot_wal_keep_size: '4GB', max_wal_size: '4GB' };
const SCRIPT = `\\set n :n + 1
\\set aid random(1, 100000 * ${SCALE})
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
INSERT INTO committed VALUES (:client_id, :n);
END;
`;

type Killed = 'the server' | 'the server and the bot';

interface Round {
  readonly killed: Killed;
  readonly round: number;
  readonly tps: number;
  readonly committed: number;
  readonly lostRows: number;
  /** From the first commit that is lost to the last that a client was told of. */
  readonly lostSeconds: number;
  readonly restoreSeconds: number;
}

export async function loss(options: TrialOptions): Promise<TrialReport> {
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++)
    for (const killed of ['the server', 'the server and the bot'] as const) {
      if (options.isStopped()) break;
      const one = await lose(join(options.folder, `${round}-${killed.length}`), killed, round);
      rounds.push(one);
      options.say(rowOf(one).join(', '));
    }
  return {
    title: `What is lost when a server under pgbench -c 8 is killed and its data removed; tail of ${TAIL_SECONDS} s, restored from the store alone`,
    rows: [
      ['killed', 'round', 'tps', 'committed', 'rows lost', 'seconds lost', 'restored in s'],
      ...rounds.map(rowOf),
    ],
    goals: (['the server', 'the server and the bot'] as const).map((killed) => ({
      goal: `seconds of commits lost at most, ${killed} killed`,
      atMost: 3,
      measured: worst(rounds.filter((one) => one.killed === killed)),
    })),
  };
}

function worst(rounds: readonly Round[]): number | undefined {
  return rounds.length === 0 ? undefined : Math.max(...rounds.map((one) => one.lostSeconds));
}

function rowOf(one: Round): readonly string[] {
  return [
    one.killed,
    String(one.round),
    number(one.tps, 0),
    String(one.committed),
    String(one.lostRows),
    number(one.lostSeconds, 2),
    number(one.restoreSeconds, 1),
  ];
}

async function lose(folder: string, killed: Killed, round: number): Promise<Round> {
  await mkdir(folder, { mode: 0o755 });
  await using postgres = await startPostgres({ settings: SETTINGS });
  await pgbench(postgres, folder, ['-i', '-q', '-s', SCALE]);
  await postgres.query('CREATE TABLE committed (client int, n int, PRIMARY KEY (client, n))');
  await writeConfig(folder, postgres);
  const bot = startCommand(['serve'], { cwd: folder });
  try {
    await waitUntil(() => bot.stdout().includes('Ready'), READY_MS);
    await command(folder, ['backup', 'shop']);
    const known = await loadAndKill(postgres, folder, killed === 'the server' ? undefined : bot);
    if (killed === 'the server') await end(bot, 'SIGTERM');
    const beganMs = performance.now();
    const restored = await restore(folder);
    const restoreSeconds = (performance.now() - beganMs) / 1000;
    return { killed, round, ...compare(known, restored), restoreSeconds };
  } finally {
    await end(bot, 'SIGKILL');
    await endProcessesNaming(folder);
  }
}

async function writeConfig(folder: string, postgres: TestPostgres): Promise<void> {
  const yaml = `servers:
  shop: { url: "${postgres.url()}", stores: [here], archiving: { tail_seconds: ${TAIL_SECONDS} } }
stores:
  here: { kind: directory, path: ./store }
keys: { kind: file, path: ./keyring.json }
`;
  await writeFile(join(folder, 'dbdr.yaml'), yaml);
  await createKeyFile(join(folder, 'keyring.json'));
}

/** @throws Error with what it said when it fails */
async function command(folder: string, words: readonly string[]): Promise<string> {
  const ended = await runCommand([...words, '--json'], { cwd: folder });
  if (ended.exitCode === 0) return ended.stdout;
  throw new Error(`"${words.join(' ')}" ended with ${ended.exitCode}: ${ended.stdout}`);
}

interface Known {
  /** Commits that a client was told of: client, number, when in milliseconds. */
  readonly commits: readonly (readonly [client: number, n: number, atMs: number])[];
}

async function loadAndKill(
  postgres: TestPostgres,
  folder: string,
  bot: Started | undefined,
): Promise<Known> {
  const script = join(folder, 'script.sql');
  await writeFile(script, SCRIPT);
  const logs = await postgres.makeFolder('client-log');
  const words = ['-c', '8', '-j', '2', '-T', '120', '-D', 'n=0', '-f', script];
  const load = startPgbench(postgres, logs, [...words, '-l', '--log-prefix', 'commits']);
  const ended = new Promise<void>((resolve) => load.once('close', () => resolve()));
  await delay(randomInt(LOAD_MS.min, LOAD_MS.max));
  const pid = Number.parseInt(
    await readFile(join(postgres.dataDirectory, 'postmaster.pid'), 'utf8'),
    10,
  );
  const pids = bot?.child.pid === undefined ? [pid] : [pid, bot.child.pid];
  const families = await Promise.all(pids.map(async (one) => [one, ...(await childrenOf(one))]));
  for (const one of families.flat()) kill(one);
  await rm(postgres.dataDirectory, { recursive: true, force: true });
  await ended;
  return { commits: await readLogs(logs) };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8'));
  return (await Promise.all(lists)).flatMap((text) => text.split(' ').filter(Boolean).map(Number));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

async function end(bot: Started, signalName: NodeJS.Signals): Promise<void> {
  bot.child.kill(signalName);
  await bot.ended;
}

/** `client transaction time script seconds microseconds`, when the transaction was done. */
async function readLogs(folder: string): Promise<Known['commits']> {
  const commits: (readonly [number, number, number])[] = [];
  for (const name of await readdir(folder))
    for (const line of (await readFile(join(folder, name), 'utf8')).split('\n')) {
      const [client, transaction, , , seconds, micros] = line.split(' ').map(Number);
      if (client === undefined || transaction === undefined || micros === undefined) continue;
      commits.push([client, transaction + 1, (seconds ?? 0) * 1000 + micros / 1000]);
    }
  return commits;
}

const Restored = z.object({ instance: z.object({ url: z.string() }) });

/** The newest number of each client. */
async function restore(folder: string): Promise<ReadonlyMap<number, number>> {
  const words = await command(folder, ['restore', 'shop', '--to', 'latest']);
  const { instance } = Restored.parse(JSON.parse(words));
  const client = new pg.Client(instance.url);
  await client.connect();
  try {
    const { rows } = await client.query<{ client: number; n: number; rows: number }>(
      'SELECT client, max(n)::int AS n, count(*)::int AS rows FROM committed GROUP BY client',
    );
    for (const { client: one, n, rows: count } of rows)
      if (n !== count)
        throw new Error(`Client ${one} has ${count} rows up to ${n}: one is missing`);
    return new Map(rows.map(({ client: one, n }) => [one, n]));
  } finally {
    await client.end();
  }
}

function compare(
  { commits }: Known,
  restored: ReadonlyMap<number, number>,
): Pick<Round, 'tps' | 'committed' | 'lostRows' | 'lostSeconds'> {
  const lost = commits.filter(([client, n]) => n > (restored.get(client) ?? 0));
  const times = commits.map(([, , atMs]) => atMs).toSorted((a, b) => a - b);
  const [first = 0, last = 0] = [times.at(0), times.at(-1)];
  const firstLost = Math.min(...lost.map(([, , atMs]) => atMs));
  return {
    tps: (commits.length * 1000) / Math.max(1, last - first),
    committed: commits.length,
    lostRows: lost.length,
    lostSeconds: lost.length === 0 ? 0 : (last - firstLost) / 1000,
  };
}

async function pgbench(
  postgres: TestPostgres,
  folder: string,
  args: readonly string[],
): Promise<void> {
  const child = startPgbench(postgres, folder, args);
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`pgbench ended with ${String(code)}`);
}

function startPgbench(
  { socketDirectory, port, user }: TestPostgres,
  cwd: string,
  args: readonly string[],
): ChildProcess {
  const place = ['-h', socketDirectory, '-p', String(port), '-U', 'postgres'];
  return spawn('pgbench', [...place, '-n', ...args, 'postgres'], {
    cwd,
    stdio: 'ignore',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
}
