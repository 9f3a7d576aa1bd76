/** A backed-up shop on a real PostgreSQL, and copies of it to be damaged, asked as a user asks. */
import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { type Ended, runCommand, writeTestConfig } from './command-line.ts';
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

export interface Shop extends AsyncDisposable {
  readonly postgres: TestPostgres;
  /** Config, key and store, with two backups and the log between them. */
  readonly cwd: string;
  /** All of it again, with a catalogue that knows nothing: may be damaged. */
  copy(): Promise<ShopCopy>;
}

export interface ShopCopy extends AsyncDisposable {
  readonly cwd: string;
  /** Oldest first. */
  readonly backups: readonly string[];
  /** Folder of the log. */
  readonly wal: string;
}

export async function openShop(): Promise<Shop> {
  const stack = new AsyncDisposableStack();
  const postgres = stack.use(await startPostgres());
  const folder = stack.use(await temporaryFolder());
  const cwd = folder.path;
  await postgres.query(
    `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 50000) n`,
  );
  await writeTestConfig(cwd, { url: postgres.url() });
  await done(['backup'], cwd);
  await postgres.query(`INSERT INTO orders VALUES (-1, 'between')`);
  await postgres.query('SELECT pg_switch_wal()');
  // Stores the log up to its end; what a copy receives later stays in one unfinished segment.
  await done(['backup'], cwd);
  return {
    postgres,
    cwd,
    copy: async () => copyShop(cwd),
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

async function done(words: readonly string[], cwd: string): Promise<void> {
  const { exitCode, stderr } = await runCommand(words, { cwd });
  if (exitCode !== 0) throw new Error(stderr);
}

async function copyShop(from: string): Promise<ShopCopy> {
  const folder: TemporaryFolder = await temporaryFolder();
  const cwd = folder.path;
  for (const name of ['dbdr.yaml', 'keyring.json', 'store'])
    await cp(join(from, name), join(cwd, name), { recursive: true });
  await chmod(join(cwd, 'keyring.json'), 0o600);
  // Nobody's: the copy has a catalogue of its own, and so another installation's name.
  await rm(join(cwd, 'store', 'shop', 'owner'), { recursive: true, force: true });
  const [cluster = ''] = await readdir(join(cwd, 'store', 'shop'));
  const base = join(cwd, 'store', 'shop', cluster, 'base');
  return {
    cwd,
    backups: (await readdir(base)).toSorted().map((name) => join(base, name)),
    wal: join(cwd, 'store', 'shop', cluster, 'wal', '00000001'),
    [Symbol.asyncDispose]: async () => folder[Symbol.asyncDispose](),
  };
}

/** What a failure's document holds at least, whatever else a run adds. */
const ToldProblem = z.object({
  problem: z.object({
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    retry: z.enum(['now', 'later', 'never']),
    runbook: z.string().nullable(),
  }),
});

export interface Told extends Ended {
  /** All that was told of what is wrong: code, message and hint. */
  readonly told: string;
  readonly json: unknown;
}

/** Asks with `--json`; throws unless standard output is exactly one document. */
export async function ask(
  words: string,
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const ended = await runCommand([...words.split(' '), '--json'], { cwd, environment });
  const json: unknown = JSON.parse(ended.stdout);
  if (ended.stdout.trim().split('\n').length !== 1) throw new Error('More than one line');
  const read = ToldProblem.safeParse(json);
  const { code, message, hint } = read.data?.problem ?? { code: '', message: '', hint: '' };
  return { ...ended, json, told: `${code}: ${message}\n${hint}` };
}

/** Scratch folders, half objects, and processes that have `cwd` in their command: all must be gone. */
export async function leftovers(cwd: string): Promise<readonly string[]> {
  const scratch = await readdir(join(cwd, 'state', 'scratch')).catch(() => []);
  const unfinished = await readdir(join(cwd, 'store', '#unfinished')).catch(() => []);
  return [...scratch, ...unfinished, ...(await processesOf(cwd))];
}

async function processesOf(cwd: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(cwd)) found.push(`${pid} ${command.replaceAll('\0', ' ')}`);
  }
  return found;
}

/** Mounts a file system of its own of that size; throws where we may not. Dispose it before its folder. */
export async function mountSmallDisk(path: string, size: string): Promise<Disposable> {
  await mkdir(path, { recursive: true });
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'tmpfs', path]);
  return { [Symbol.dispose]: () => void execFileSync('/bin/umount', ['-l', path]) };
}
