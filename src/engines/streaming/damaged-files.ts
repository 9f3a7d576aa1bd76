/** Reads from the server's warnings in which files page checksums did not hold. Pure. */
import type { ServerMessage } from '../../postgres/server-problems.ts';

/** More would not tell a person more. */
const FILES_MAX = 1000;

/**
 * Never empty: a backup whose damage cannot be placed is damaged all the same.
 *
 * `checksum verification failed in file "./base/5/2619", block 3: …` and `file "./base/5/2619" has a
 * total of 7 checksum verification failures`; in other languages the quotes differ.
 */
export function damagedFiles(notices: readonly ServerMessage[]): readonly string[] {
  const paths = new Set<string>();
  for (const { message } of notices) {
    const [, path] = /["«„»“]\s?(?:\.\/)?([\w./-]+\/[\w.]+)\s?["»“«”]/.exec(message) ?? [];
    if (path !== undefined && /^(?:base|global|pg_tblspc)\//.test(path)) paths.add(path);
  }
  return paths.size > 0 ? [...paths].toSorted().slice(0, FILES_MAX) : ['a file that was not named'];
}
