/** What goes wrong with copies in other stores, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const MIRROR_CONFLICT: ProblemKind = {
  code: 'MIRROR_CONFLICT',
  retry: 'never',
  hint:
    'Find out who else writes to the other store. Nothing is overwritten: once the wrong object is removed ' +
    'there, the bot copies the right one by itself.',
  fault: 'world',
};

/** What was copied reads back as something else. */
export const MIRROR_DAMAGED: ProblemKind = {
  code: 'MIRROR_DAMAGED',
  retry: 'never',
  hint:
    'Remove the damaged object from the other store, and the bot copies it again; if it comes back, do not ' +
    'trust that store. The first store still has its own.',
  fault: 'world',
};

/** The first store gave fewer or more bytes than it lists: nothing of it is kept in the other. */
export const MIRROR_SOURCE_CHANGED: ProblemKind = {
  code: 'MIRROR_SOURCE_CHANGED',
  retry: 'later',
  hint: 'The bot tries again; if it repeats, run `verify`, for the first store gives other bytes than it lists.',
  fault: 'world',
};

/** The first store's own backup lacks packs: a copy of it would be no better. */
export const MIRROR_SOURCE_INCOMPLETE: ProblemKind = {
  code: 'MIRROR_SOURCE_INCOMPLETE',
  retry: 'never',
  hint: 'Take another backup with `backup`: the one in the first store is not whole, so it is not copied.',
  fault: 'world',
};

export const MIRROR_LATE: ProblemKind = {
  code: 'MIRROR_LATE',
  retry: 'later',
  hint: 'See with `wal` how far each store is, and with `status` why the copy is late.',
  fault: 'world',
};
