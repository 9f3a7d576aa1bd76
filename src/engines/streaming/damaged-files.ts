/** Reads from the server's warnings where page checksums did not hold. Pure. */
import type { ServerMessage } from '../../postgres/server-problems.ts';

/** More would not tell a person more. */
const FILES_MAX = 1000;

/** The blocks by file. PostgreSQL names the first five of each. */
export type DamagedBlocks = Readonly<Record<string, readonly number[]>>;

/**
 * Never empty: a backup whose damage cannot be placed is damaged all the same.
 *
 * `checksum verification failed in file "./base/5/2619", block 3: …` and `file "./base/5/2619" has a
 * total of 7 checksum verification failures`; in other languages words and quotes differ.
 */
export function damagedBlocks(notices: readonly ServerMessage[]): DamagedBlocks {
  const blocks = new Map<string, Set<number>>();
  for (const { message } of notices) {
    const [, path, rest = ''] =
      /["«„»“]\s?(?:\.\/)?([\w./-]+\/[\w.]+)\s?["»“«”](.*)$/s.exec(message) ?? [];
    if (path === undefined || !/^(?:base|global|pg_tblspc)\//.test(path)) continue;
    const known = blocks.get(path) ?? new Set();
    const [, block] = /^\D{0,40}(\d+)\s?:/.exec(rest) ?? [];
    if (block !== undefined) known.add(Number(block));
    blocks.set(path, known);
  }
  const files = [...blocks].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, FILES_MAX);
  if (files.length === 0) return { 'a file that was not named': [] };
  return Object.fromEntries(files.map(([path, known]) => [path, [...known]]));
}
