/**
 * Tells why nobody can read a copy that has replayed all there is. PostgreSQL lets nobody in before it
 * knows which transactions are open (procarray.c, STANDBY_SNAPSHOT_PENDING), and the log's lists of them
 * name at most 64 subtransactions of each. The evidence is what it wrote itself. Pure.
 */
import { Problem } from '../../kernel/problem.ts';
import { NOT_READABLE, TARGET_NOT_REACHED } from '../problems.ts';
import { fellShort } from './end-watch.ts';
import type { ReplayTarget } from './recovery-settings.ts';

const LAST_LINES = 6;
/** Before PostgreSQL 13 it had paused; since then it is pausing at the end of recovery. */
const PAUSED_OR_TOLD =
  /recovery has paused|pausing at the end of recovery|received promote request/;
const AGAIN = /waiting for WAL to become available|restored log file/;

/**
 * Of a copy that opened at its target: PostgreSQL pauses there only where somebody can read it, and says
 * so. Undefined: it opened for another reason.
 */
export function openedUnread(log: string): Problem | undefined {
  const stopped = /recovery stopping (?:before|after) .*/.exec(log);
  if (stopped === null) return undefined;
  const after = log.slice(stopped.index);
  if (PAUSED_OR_TOLD.test(after)) return undefined;
  return unreadable(`where it was to stand: PostgreSQL opened it instead of pausing`, log);
}

/**
 * Of a copy that stands at the end of its log and accepts no connection, with all that it wrote.
 * Undefined: it is about to.
 */
export function neverReadable(log: string, target: ReplayTarget): Problem | undefined {
  if (/ready to accept (?:read[- ]only )?connections/.test(log)) return undefined;
  if (log.includes('consistent recovery state reached'))
    return unreadable('at the end of its log: PostgreSQL accepts no connection', log);
  const why = `it is not consistent at the end of its log: ${lastLines(log)}`;
  if (target.kind === 'where it stood') return fellShort(target.lsn, why);
  return new Problem(TARGET_NOT_REACHED, `Cannot read the restored copy: ${why}`, {
    facts: { log: lastLines(log) },
  });
}

function unreadable(where: string, log: string): Problem {
  return new Problem(
    NOT_READABLE,
    `Cannot read the restored copy ${where}, because a transaction with more than 64 subtransactions was open at the checkpoint where replay began, and the log up to there does not hold its end`,
    { facts: { log: lastLines(log) } },
  );
}

/** Without what is said again each time PostgreSQL looks for more. */
function lastLines(log: string): string {
  const telling = log.split('\n').filter((line) => line !== '' && !AGAIN.test(line));
  return telling.slice(-LAST_LINES).join('\n');
}
