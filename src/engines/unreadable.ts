/**
 * Backups that are there and cannot be read. Nobody who still has them must be told that there are none
 * and to take a new one: what they need is the key. Pure.
 */
import { DECRYPTION_FAILED } from '../encryption/problems.ts';
import { Problem } from '../kernel/problem.ts';
import type { BackupListing } from './engine.ts';

/** Undefined: some can be read, or there is none at all. `action` continues "Cannot …". */
export function noneReadable(
  { backups, unreadable }: BackupListing,
  action: string,
  storeName: string,
): Problem | undefined {
  const newest = unreadable.at(-1);
  if (backups.length > 0 || newest?.problem === undefined) return undefined;
  const { kind, facts } = newest.problem;
  const count = unreadable.length === 1 ? '1 backup is' : `${unreadable.length} backups are`;
  return new Problem(
    kind,
    `Cannot ${action}: ${count} in "${storeName}" and none can be read. The newest: ${newest.reason}`,
    { facts, hint: hintOf(newest.problem, unreadable.length), cause: newest.problem },
  );
}

/** One object may be damaged; that all of them are is most likely the key. */
function hintOf({ kind, hint }: Problem, count: number): string {
  if (kind.code !== DECRYPTION_FAILED.code) return hint;
  const which = count === 1 ? 'it was' : 'they were';
  return `Bring the key file back that ${which} made with; if it is the right one, use another store.`;
}
