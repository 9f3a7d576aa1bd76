/** Processes of this machine as `ps` lists them: to see what a killed bot left, and to freeze one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Command lines of all processes that name `path`. */
export async function processesNaming(path: string): Promise<readonly string[]> {
  return (await listed(path)).map(({ words }) => words);
}

/** Restored copies outlive the bot on purpose; a test's own must not outlive the test. */
export async function endProcessesNaming(path: string): Promise<void> {
  for (const { pid } of await listed(path)) send(pid, 'SIGQUIT');
}

/** Stops a process where it stands, as a network that hangs would; disposing lets it go on. */
export function freeze(pid: number): Disposable & { readonly pid: number } {
  process.kill(pid, 'SIGSTOP');
  return { pid, [Symbol.dispose]: () => send(pid, 'SIGCONT') };
}

interface Listed {
  readonly pid: number;
  readonly words: string;
}

async function listed(path: string): Promise<readonly Listed[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,args=']);
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
    .flatMap((found) => (found === null ? [] : [{ pid: Number(found[1]), words: found[2] ?? '' }]))
    .filter(({ words }) => words.includes(path) && !words.startsWith('ps '));
}

function send(pid: number, signalName: NodeJS.Signals): void {
  try {
    process.kill(pid, signalName);
  } catch {
    // It is gone already.
  }
}
