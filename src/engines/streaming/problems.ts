/** What goes wrong with base backups in a store and with their restore, and what to do next. */
import type { ProblemKind } from '../../kernel/problem.ts';

export const BACKUP_DAMAGED: ProblemKind = {
  code: 'BACKUP_DAMAGED',
  retry: 'never',
  hint: 'Choose another backup or store: what is stored of this one does not hold together.',
  runbook: 'damaged-backup.md',
  fault: 'world',
};

export const RESTORE_DISK_FULL: ProblemKind = {
  code: 'RESTORE_DISK_FULL',
  retry: 'later',
  hint: 'Make room, or restore into a folder on a larger disk with `--into`.',
  fault: 'world',
};

export const RESTORE_PLACE_TAKEN: ProblemKind = {
  code: 'RESTORE_PLACE_TAKEN',
  retry: 'never',
  hint: 'Name an empty folder, or one that does not exist yet.',
  fault: 'request',
};

export const RESTORE_PLACE_UNUSABLE: ProblemKind = {
  code: 'RESTORE_PLACE_UNUSABLE',
  retry: 'later',
  hint: 'Check that the folder can be written by the user that runs dbdr, and that its disk is well.',
  fault: 'world',
};
