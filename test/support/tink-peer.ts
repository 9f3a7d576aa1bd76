/** Tink's Python package as a peer of our sealed streams: one process that seals and opens on request. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

import { PEER_PYTHON } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';

const SCRIPT = join(import.meta.dirname, 'tink_peer.py');
const Answer = z.object({ ok: z.boolean(), why: z.string().optional() });

export interface TinkPeer extends AsyncDisposable {
  seal(plain: Buffer, keys: TinkKeys): Promise<Buffer>;
  /** Undefined: Tink refuses it. */
  open(sealed: Buffer, keys: TinkKeys): Promise<Buffer | undefined>;
}

export interface TinkKeys {
  readonly key: Buffer;
  readonly associated: Buffer;
}

export async function startTink(): Promise<TinkPeer> {
  const folder = await temporaryFolder();
  const child = spawn(PEER_PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];

  async function ask(
    action: 'seal' | 'open',
    content: Buffer,
    { key, associated }: TinkKeys,
  ): Promise<Buffer | undefined> {
    await writeFile(from, content);
    const words = { key: key.toString('hex'), associated: associated.toString('hex') };
    child.stdin.write(`${JSON.stringify({ action, ...words, from, to })}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`Tink has stopped: ${said.join('')}`);
    const answer = Answer.parse(JSON.parse(value));
    return answer.ok ? await readFile(to) : undefined;
  }

  return {
    async seal(plain, keys) {
      const sealed = await ask('seal', plain, keys);
      if (sealed === undefined) throw new Error('Tink did not seal');
      return sealed;
    },
    open: async (sealed, keys) => await ask('open', sealed, keys),
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      await folder[Symbol.asyncDispose]();
    },
  };
}
