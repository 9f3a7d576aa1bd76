/**
 * What an error of the copy's PostgreSQL says: that what was restored is bad, or that we could not look. Only
 * the first is FAIL; a lost connection, a full disk or a missing right is ERROR. Pure.
 */
import { isProblem, type Problem } from '../kernel/problem.ts';
import { POSTGRES_UNREACHABLE } from '../postgres/problems.ts';

/** `data_corrupted` and `index_corrupted`. Source: PostgreSQL docs, Appendix A, Error Codes. */
const CORRUPTION: ReadonlySet<string> = new Set(['XX001', 'XX002']);
/** Connections, authorisation, rights, memory and disk, shutdowns and cancels. Same source. */
const INABILITY = /^(?:08|28|42501|53|55P03|57)/;

export function isCorruption(error: unknown): error is Problem {
  return CORRUPTION.has(sqlStateOf(error));
}

export function isInability(error: unknown): boolean {
  if (!isProblem(error)) return true;
  const sqlState = sqlStateOf(error);
  if (sqlState !== '') return INABILITY.test(sqlState) || isLibraryLacking(error, sqlState);
  return error.kind.retry === 'later' || isProblem(error, POSTGRES_UNREACHABLE);
}

/** dfmgr.c: a library that production has and this machine has not. Data files have other words. */
function isLibraryLacking({ message }: Problem, sqlState: string): boolean {
  return sqlState === '58P01' && message.includes('could not access file');
}

function sqlStateOf(error: unknown): string {
  return isProblem(error) ? String(error.facts['sqlState'] ?? '') : '';
}
