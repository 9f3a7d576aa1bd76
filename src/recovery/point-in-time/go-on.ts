/** Whether a copy that went on stands exactly where it was to go. Pure. */
import { compareLsn, type Lsn, lsnBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { TARGET_NOT_REACHED } from '../problems.ts';
import type { Standing } from './copy-replay.ts';

/** A record that ends with its page: the next one begins behind that page's header (xlog_internal.h). */
const PAGE_HEADER_BYTES_MAX = 40n;

/** @throws Problem TARGET_NOT_REACHED */
export function assertStandsAt(
  { reached, how }: Pick<Standing, 'reached' | 'how'>,
  lsn: Lsn,
): void {
  if (compareLsn(reached.lsn, lsn) > 0) throw notThere(lsn, `it went on to ${reached.lsn}`);
  // PostgreSQL has seen the record that begins there, or later: nothing lies between.
  if (how === 'target') return;
  if (lsnBytes(lsn) - lsnBytes(reached.lsn) > PAGE_HEADER_BYTES_MAX)
    throw notThere(lsn, `the stored log ends at ${reached.lsn}`);
}

function notThere(lsn: Lsn, why: string): Problem {
  return new Problem(TARGET_NOT_REACHED, `Cannot bring the copy on to ${lsn}: ${why}`, {
    facts: { lsn },
  });
}
