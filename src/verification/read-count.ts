/**
 * Counts what a restore reads. Each frame of each pack, and each object of the log, is authenticated while it is
 * read, by a code that only whoever has the key can make: a restore that comes out has checked every byte.
 */
import { formatBytes } from '../kernel/size.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';
import type { Seen } from './checks.ts';

export interface ReadCount {
  /** The same means, counted. */
  readonly recovery: RecoveryDeps;
  /** Said of a restore that came out; undefined: nothing was read. */
  seen(packs: number): Seen | undefined;
}

export function countReads(recovery: RecoveryDeps): ReadCount {
  const { engine, walArchive } = recovery;
  const logFiles = new Set<string>();
  let packBytes: number | undefined;
  return {
    recovery: {
      ...recovery,
      engine: {
        ...engine,
        async restoreFiles(request) {
          const restored = await engine.restoreFiles(request);
          packBytes = restored.readBytes;
          return restored;
        },
      },
      walArchive: {
        ...walArchive,
        async read(request) {
          const content = await walArchive.read(request);
          if (content !== undefined) logFiles.add(request.name);
          return content;
        },
      },
    },
    seen(packs) {
      if (packBytes === undefined) return undefined;
      const what = `${packs} ${packs === 1 ? 'pack' : 'packs'} (${formatBytes(packBytes)})`;
      const log = `${logFiles.size} log ${logFiles.size === 1 ? 'file' : 'files'}`;
      return { verdict: 'PASS', detail: `${what} and ${log} read whole, every byte authenticated` };
    },
  };
}
