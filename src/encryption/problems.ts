/** What goes wrong with keys and encrypted objects, and what to do next. */
import { isProblem, type ProblemKind } from '../kernel/problem.ts';

export const KEY_NOT_FOUND: ProblemKind = {
  code: 'KEY_NOT_FOUND',
  retry: 'never',
  hint: 'Put the key with this id back into the key file, from the safe place you keep it in.',
  fault: 'world',
};

export const KEY_FILE_MISSING: ProblemKind = {
  code: 'KEY_FILE_MISSING',
  retry: 'never',
  hint: 'Bring the key file back from its safe place; only if there are no backups yet, make one with `keys create`.',
  fault: 'world',
};

export const KEY_FILE_EXISTS: ProblemKind = {
  code: 'KEY_FILE_EXISTS',
  retry: 'never',
  hint: 'Keep the file: it may be all that can read your backups. Name another path for a new one.',
  fault: 'refused',
};

export const KEY_FILE_MODE: ProblemKind = {
  code: 'KEY_FILE_MODE',
  retry: 'never',
  hint: 'Take the file away from everybody but its owner: `chmod 600`.',
  fault: 'world',
};

export const KEY_UNREADABLE: ProblemKind = {
  code: 'KEY_UNREADABLE',
  retry: 'never',
  hint: 'Bring an undamaged copy of the key file back from its safe place.',
  fault: 'world',
};

export const DECRYPTION_FAILED: ProblemKind = {
  code: 'DECRYPTION_FAILED',
  retry: 'never',
  hint: 'Choose another backup or store: this object was changed, moved, cut, or made with another key.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const OBJECT_DAMAGED: ProblemKind = {
  code: 'OBJECT_DAMAGED',
  retry: 'never',
  hint: 'Choose another backup or store: this is not an object that dbdr wrote, or it is damaged.',
  runbook: 'point-in-time.md',
  fault: 'world',
};

export const OBJECT_TOO_LARGE: ProblemKind = {
  code: 'OBJECT_TOO_LARGE',
  retry: 'never',
  hint: 'Find out who else writes to this store: dbdr does not write such large objects of this kind.',
  fault: 'world',
};

/** The key file as a whole is meant: it says nothing of the object that was to be read. */
export function concernsKeyFile(error: unknown): boolean {
  return [KEY_FILE_MISSING, KEY_FILE_MODE, KEY_UNREADABLE].some((kind) => isProblem(error, kind));
}
