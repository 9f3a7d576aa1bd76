/** `runbooks/read_backup.py` as somebody without dbdr starts it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { PEER_PYTHON, peerLacks } from './peers.ts';

export interface Read {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SCRIPT = join(import.meta.dirname, '../../runbooks/read_backup.py');
/** What a manifest in text may hold. */
const OUTPUT_BYTES_MAX = 64 << 20;

/** Why it cannot be tried here; undefined: it can. */
export function readerLacks(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, 'zstd')))) return peerLacks('python');
  return 'there is no program zstd: apt-get install zstd';
}

export type Reader = (...words: readonly string[]) => Promise<Read>;

export function reader(where: { readonly store: string; readonly key: string }): Reader {
  const first = [SCRIPT, '--store', where.store, '--key', where.key];
  return async (...words) => {
    const { promise, resolve } = Promise.withResolvers<Read>();
    const options = { maxBuffer: OUTPUT_BYTES_MAX };
    execFile(PEER_PYTHON, [...first, ...words], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    return await promise;
  };
}
