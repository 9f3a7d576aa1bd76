/** What can go wrong with the catalogue. */
import type { ProblemKind } from '../kernel/problem.ts';

export const CATALOG_BUSY: ProblemKind = {
  code: 'CATALOG_BUSY',
  retry: 'later',
  hint: 'Find the process that holds the catalogue locked, let it finish, and try again.',
  fault: 'world',
};

export const CATALOG_UNREADABLE: ProblemKind = {
  code: 'CATALOG_UNREADABLE',
  retry: 'never',
  hint: 'Check that the state directory exists, has room, and belongs to the user dbdr runs as.',
  fault: 'world',
};

export const CATALOG_TOO_NEW: ProblemKind = {
  code: 'CATALOG_TOO_NEW',
  retry: 'never',
  hint: 'Run the newer dbdr that wrote this catalogue.',
  fault: 'request',
};
