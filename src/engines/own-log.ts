/**
 * Up to where the log belongs to a backup: it stays as long as the backup does, and whoever takes or
 * counts a backup waits for it. Pure.
 */
import { compareLsn, toLsn } from '../kernel/lsn.ts';

export interface LogEnds<L extends string = string> {
  readonly endLsn: L;
  readonly proofLsn?: L | undefined;
}

/**
 * Where the copy is consistent, and on to where its proof point can be reached. A restore needs no more
 * than `endLsn`.
 */
export function ownLogEnd<L extends string>({ endLsn, proofLsn }: LogEnds<L>): L {
  if (proofLsn === undefined) return endLsn;
  return compareLsn(toLsn(proofLsn), toLsn(endLsn)) > 0 ? proofLsn : endLsn;
}
