/** The bot as the demo runs it: a process of its own, started by the same shim that users start. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { untilAborted } from '../kernel/aborted.ts';

const SHIM = fileURLToPath(new URL('../dbdr.mjs', import.meta.url));

/** How long the bot may take to stop in order before it is killed. */
const STOP_LIMIT_MS = 20_000;

export interface BotOptions {
  readonly configPath: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Each line the bot writes to standard error: its log. */
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Bot extends AsyncDisposable {
  /** Rejects when the bot ends by itself. */
  readonly ended: Promise<never>;
}

/** Starts `dbdr serve`; resolves when it says that it is ready. */
export async function startBot(options: BotOptions): Promise<Bot> {
  const child = spawn(process.execPath, [SHIM, 'serve', '--config', options.configPath], {
    env: { ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C at the demo's terminal must reach the bot through us, once and in order.
    detached: true,
  });
  createInterface({ input: child.stderr }).on('line', options.onLog);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ended = exited.then((code) => {
    throw new Error(`The bot ended by itself with exit code ${String(code)}`);
  });
  ended.catch(() => undefined);
  const stop = { [Symbol.asyncDispose]: () => stopChild(child, exited) };
  try {
    await Promise.race([saysReady(child), ended, rejectOnAbort(options.signal)]);
  } catch (error) {
    await stop[Symbol.asyncDispose]();
    throw error;
  }
  return { ended, ...stop };
}

/** `serve` writes one line that begins with `Ready` to standard output. */
async function saysReady(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('The bot has no standard output');
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line.startsWith('Ready')) resolve();
    });
  });
}

async function stopChild(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const limit = AbortSignal.timeout(STOP_LIMIT_MS);
  limit.addEventListener('abort', () => child.kill('SIGKILL'));
  child.kill('SIGTERM');
  await exited;
}

async function rejectOnAbort(signal: AbortSignal): Promise<void> {
  await untilAborted(signal);
  signal.throwIfAborted();
}
