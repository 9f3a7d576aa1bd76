/**
 * The stage of an end-to-end test: a real shop on a real PostgreSQL, the workspace, and the bot as a
 * process of its own that can be killed as a power cut would and started again. Nothing is mocked.
 */
import { createHash, randomUUID } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { CHANNELS, PEOPLE } from '../../src/demo/people.ts';
import { writeConfig } from '../../src/demo/setting.ts';
import { buildShop } from '../../src/demo/shop.ts';
import { createKeyFile } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { connect } from '../../src/postgres/connect.ts';
import type { Session } from '../../src/postgres/session.ts';
import { startWorkspace, type Workspace } from '../../src/workspace/workspace.ts';
import { type Ended, runCommand, type Started, startCommand } from './command-line.ts';
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { endProcessesNaming } from './story-processes.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { waitUntil } from './wait-until.ts';

const STAGE_MS = 600_000;
const READY_MS = 30_000;
const STOP_MS = 30_000;

export interface StageWishes {
  /** A line of YAML within `slack:`, such as `approvals: { expires: PT5S }`. */
  readonly slack?: string;
}

export interface StoryStage extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly cluster: TestPostgres;
  /** A person with psql in the shop. */
  readonly shop: Session;
  readonly folder: string;
  /** Where scratch clusters and the catalogue are. */
  readonly state: string;
  readonly store: string;
  /** What the bot that runs now, or ran last, wrote to standard error. */
  botLog(): string;
  startBot(): Promise<void>;
  /** SIGKILL: nothing is tidied. */
  killBot(): Promise<void>;
  /** SIGTERM; answers how it ended. */
  stopBot(): Promise<Ended>;
  /** `dbdr …` at a terminal in the config's folder. */
  dbdr(...words: readonly string[]): Promise<Ended>;
}

/** The bot runs when this resolves. */
export async function openStory(wishes: StageWishes = {}): Promise<StoryStage> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await temporaryFolder());
  await chmod(folder, 0o711);
  stack.defer(async () => endProcessesNaming(folder));
  const signal = AbortSignal.timeout(STAGE_MS);
  const cluster = stack.use(await startPostgres());
  const shop = stack.use(await openShop(cluster, signal));
  const secrets = { botToken: `xoxb-${secret()}`, signingSecret: secret() };
  const botPort = await freePort();
  const workspace = stack.use(
    await startWorkspace({
      port: 0,
      people: PEOPLE,
      channels: CHANNELS,
      ...secrets,
      requestUrl: `http://127.0.0.1:${botPort}/slack/events`,
      clock: systemClock,
      log: silentLog,
    }),
  );
  await createKeyFile(join(folder, 'keyring.json'));
  const user = cluster.user?.name ?? 'postgres';
  const place = { shopUrl: cluster.url('shop'), botPort, workspaceApiUrl: workspace.apiUrl, user };
  const configPath = await writeConfig(folder, place);
  if (wishes.slack !== undefined) await addToSlack(configPath, wishes.slack);
  const environment = {
    SLACK_BOT_TOKEN: secrets.botToken,
    SLACK_SIGNING_SECRET: secrets.signingSecret,
  };
  const bot = stack.use(botOf({ cwd: folder, environment }));
  await bot.start();
  const rest = stack.move();
  return {
    workspace,
    cluster,
    shop,
    folder,
    state: join(folder, 'state'),
    store: join(folder, 'store'),
    botLog: () => bot.log(),
    startBot: async () => bot.start(),
    killBot: async () => bot.kill(),
    stopBot: async () => bot.stop(),
    dbdr: async (...words) => runCommand(words, { cwd: folder, environment }),
    [Symbol.asyncDispose]: async () => rest.disposeAsync(),
  };
}

async function openShop(cluster: TestPostgres, signal: AbortSignal): Promise<Session> {
  await cluster.query('CREATE DATABASE shop');
  const shop = await connect(cluster.url('shop'), { signal, applicationName: 'psql' });
  await buildShop(shop);
  return shop;
}

async function addToSlack(configPath: string, line: string): Promise<void> {
  const yaml = await readFile(configPath, 'utf8');
  await writeFile(configPath, yaml.replace(/^slack:$/m, `slack:\n  ${line}`));
}

interface StoryBot extends AsyncDisposable {
  log(): string;
  start(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<Ended>;
}

function botOf(options: Parameters<typeof startCommand>[1]): StoryBot {
  let now: Started | undefined;
  async function end(signalName: NodeJS.Signals): Promise<Ended> {
    if (now === undefined) throw new Error('The bot was never started');
    now.child.kill(signalName);
    const late = setTimeout(() => now?.child.kill('SIGKILL'), STOP_MS);
    const ended = await now.ended;
    clearTimeout(late);
    return ended;
  }
  return {
    log: () => now?.stderr() ?? '',
    async start() {
      const started = startCommand(['serve'], options);
      now = started;
      await waitUntil(() => {
        if (started.child.exitCode !== null)
          throw new Error(`The bot ended at once:\n${started.stderr()}`);
        return /^Ready/m.test(started.stdout());
      }, READY_MS);
    },
    async kill() {
      await end('SIGKILL');
    },
    stop: async () => end('SIGTERM'),
    async [Symbol.asyncDispose]() {
      if (now !== undefined) await end('SIGTERM');
    },
  };
}

/** Folders of restored clusters that are on the disk now. */
export async function scratchFolders({ state }: Pick<StoryStage, 'state'>): Promise<string[]> {
  return readdir(join(state, 'scratch')).catch(() => []);
}

/** How many orders there are, and a fingerprint of all of their values. */
export async function fingerprint(session: Session, table: string): Promise<string> {
  const rows = await session.query<{ row: string }>(
    `SELECT t::text AS row FROM ${table} AS t ORDER BY id`,
  );
  const hash = createHash('sha256');
  for (const { row } of rows) hash.update(`${row}\n`);
  return `${rows.length} ${hash.digest('hex')}`;
}

function secret(): string {
  return randomUUID().replaceAll('-', '');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}
