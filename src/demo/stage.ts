/**
 * Sets the stage: the shop's PostgreSQL with its data, the workspace, and the bot as a process of its
 * own that knows nothing of being in a demo. Disposing takes everything down in the right order.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { startFreshCluster } from '../clusters/fresh-cluster.ts';
import { createKeyFile } from '../encryption/file-key-ring.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { connect } from '../postgres/connect.ts';
import { findPrograms } from '../postgres/programs.ts';
import type { Session } from '../postgres/session.ts';
import { resolveUser } from '../subprocess/user.ts';
import { startWorkspace, type Workspace, type WorkspaceAction } from '../workspace/workspace.ts';
import { type Bot, startBot } from './bot.ts';
import { CHANNELS, PEOPLE } from './people.ts';
import { openDemoFolder, writeConfig } from './setting.ts';
import { buildShop } from './shop.ts';
import { keepWriting } from './writers.ts';

/** PostgreSQL runs as this user where the demo is root. */
const SCRATCH_USER = 'postgres';

export interface StageOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The workspace's port; 0 takes any. */
  readonly port: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
  readonly onBotLog: (line: string) => void;
  readonly actions: (shop: Session) => readonly WorkspaceAction[];
}

export interface Stage extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly bot: Bot;
  readonly shop: Session;
  readonly shopUrl: string;
  readonly configPath: string;
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const { clock, signal, say, environment } = options;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openDemoFolder());
  const user = await resolveUser(SCRATCH_USER, { signal });
  const programs = await findPrograms({ signal, user, environment });
  say(`PostgreSQL ${programs.major} (${programs.source}) starts a shop in ${folder.path}`);
  const cluster = stack.use(
    await startFreshCluster({ home: folder.path, programs, user, clock, signal }),
  );
  const url = await makeShop(cluster.url.bind(cluster), signal);
  const shop = stack.use(await connect(url, { signal, applicationName: 'flyway' }));
  stack.use(await startWriters(url, { clock, signal }));
  say('The shop is open: 50,000 orders, and writers that never stop');

  const secrets = { botToken: `xoxb-${hex()}`, signingSecret: hex() };
  const botPort = await freePort();
  const workspace = stack.use(
    await startWorkspace({
      port: options.port,
      people: PEOPLE,
      channels: CHANNELS,
      ...secrets,
      requestUrl: `http://127.0.0.1:${botPort}/slack/events`,
      actions: options.actions(shop),
      clock,
      log: options.log,
    }),
  );
  await createKeyFile(join(folder.path, 'keyring.json'));
  const configPath = await writeConfig(folder.path, {
    shopUrl: url,
    botPort,
    workspaceApiUrl: workspace.apiUrl,
    user: user?.name ?? SCRATCH_USER,
  });
  const bot = stack.use(
    await startBot({
      configPath,
      environment: botEnvironment(environment, secrets),
      onLog: options.onBotLog,
      signal,
    }),
  );
  say('The bot is ready');
  const rest = stack.move();
  return {
    workspace,
    bot,
    shop,
    shopUrl: url,
    configPath,
    async [Symbol.asyncDispose]() {
      await rest.disposeAsync();
    },
  };
}

async function makeShop(url: (database: string) => string, signal: AbortSignal): Promise<string> {
  await using maintenance = await connect(url('postgres'), { signal });
  await maintenance.query('CREATE DATABASE shop');
  await using shop = await connect(url('shop'), { signal });
  await buildShop(shop);
  return url('shop');
}

async function startWriters(
  url: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const session = await connect(url, { signal, applicationName: 'shop' });
  const writing = keepWriting(session, {
    clock,
    signal: AbortSignal.any([signal, stop.signal]),
  }).catch(() => 0);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('The demo ends'));
      await writing;
      await session[Symbol.asyncDispose]();
    },
  };
}

/** What a person would export before `dbdr serve`; nothing else of ours leaks into the bot. */
function botEnvironment(
  own: StageOptions['environment'],
  secrets: { readonly botToken: string; readonly signingSecret: string },
): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'DBDR_PG', 'DBDR_PG_BINDIR'] as const;
  const passed = kept.flatMap((name) => {
    const value = own[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    SLACK_BOT_TOKEN: secrets.botToken,
    SLACK_SIGNING_SECRET: secrets.signingSecret,
  };
}

function hex(): string {
  return randomBytes(16).toString('hex');
}

/** Asks the system for a port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new TypeError('There is no free port');
  return address.port;
}
