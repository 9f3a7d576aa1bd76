/** What goes wrong with received and stored WAL, and what to do next. */
import { Problem, type ProblemKind } from '../../kernel/problem.ts';
import { queryProblem, type ServerMessage } from '../../postgres/server-problems.ts';

export const WAL_DAMAGED: ProblemKind = {
  code: 'WAL_DAMAGED',
  retry: 'never',
  hint: 'Pick a moment before the damage, and take a base backup at once so that later moments are safe.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const WAL_GAP: ProblemKind = {
  code: 'WAL_GAP',
  retry: 'now',
  hint: 'The bot receives again from the last stored segment; if it repeats, look at the server log.',
  fault: 'world',
};

export const WAL_SLOT_MISSING: ProblemKind = {
  code: 'WAL_SLOT_MISSING',
  retry: 'later',
  hint: 'Start `serve`, which makes the slot and archives from then on; then take a base backup.',
  fault: 'world',
};

export const WAL_STORE_STALLED: ProblemKind = {
  code: 'WAL_STORE_STALLED',
  retry: 'later',
  hint: 'Look at the store: its disk or network answers nothing; archiving goes on when it does.',
  fault: 'world',
};

/**
 * Thrown where the bytes cannot be kept beside the others. Of a whole segment both contents are kept and
 * archiving goes on: then it is written to the log, and the segment counts as missing.
 */
export const WAL_CONFLICT: ProblemKind = {
  code: 'WAL_CONFLICT',
  retry: 'never',
  hint: 'Find out which server wrote the other content: two servers must not share a name.',
  fault: 'world',
};

export const WAL_REMOVED: ProblemKind = {
  code: 'WAL_REMOVED',
  retry: 'now',
  hint: 'Take a base backup at once: the server no longer has a part of the log that is not stored.',
  fault: 'world',
};

export const WAL_OTHER_CLUSTER: ProblemKind = {
  code: 'WAL_OTHER_CLUSTER',
  retry: 'now',
  hint: 'Check that the `url` leads to one server only; archiving begins again with the one that answers.',
  fault: 'world',
};

/** `undefined_file`, Appendix A of PostgreSQL's manual: "requested WAL segment … has already been removed". */
const REMOVED = '58P01';

export function receiveProblem(error: ServerMessage): Problem {
  if (error.code === REMOVED)
    return new Problem(WAL_REMOVED, `Cannot receive WAL: ${error.message}`);
  return queryProblem(error, 'receive WAL');
}
