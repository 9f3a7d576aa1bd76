/** What goes wrong with keys and encrypted objects, and what to do next. */
import { isProblem, type ProblemKind } from '../kernel/problem.ts';

export const KEY_NOT_FOUND: ProblemKind = {
  code: 'KEY_NOT_FOUND',
  retry: 'never',
  hint: 'Put the key with this id back into the key file, from the safe place you keep it in.',
  runbook: 'lost-key.md',
  fault: 'world',
};

export const KEY_FILE_MISSING: ProblemKind = {
  code: 'KEY_FILE_MISSING',
  retry: 'never',
  hint: 'Bring the key file back from its safe place; only if there are no backups yet, make one with `keys create`.',
  runbook: 'lost-key.md',
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
  runbook: 'lost-key.md',
  fault: 'world',
};

export const KEY_FILE_LOCKED: ProblemKind = {
  code: 'KEY_FILE_LOCKED',
  retry: 'now',
  hint: 'Ask again in a moment: another process is changing the key file.',
  fault: 'refused',
};

export const KEY_SECRETS_MISSING: ProblemKind = {
  code: 'KEY_SECRETS_MISSING',
  retry: 'never',
  hint: 'Compare `keys.name` and `keys.regions` with the AWS console; only if there are no backups yet, make keys with `keys create`.',
  runbook: 'lost-key.md',
  fault: 'world',
};

export const KEY_SECRETS_EXIST: ProblemKind = {
  code: 'KEY_SECRETS_EXIST',
  retry: 'never',
  hint: 'Keep them: they may be all that can read your backups. Add a generation with `keys rotate`, or give `keys.name` another name for a new ring.',
  fault: 'refused',
};

export const KEY_SECRET_INVALID: ProblemKind = {
  code: 'KEY_SECRET_INVALID',
  retry: 'never',
  hint: 'Bring the secret’s value back from the safe place you keep a copy in.',
  runbook: 'lost-key.md',
  fault: 'world',
};

export const KEY_UNREACHABLE: ProblemKind = {
  code: 'KEY_UNREACHABLE',
  retry: 'later',
  hint: 'See whether one of the regions in `keys.regions` can be reached from here, then ask again.',
  fault: 'world',
};

export const KEY_NOT_REPLICATED: ProblemKind = {
  code: 'KEY_NOT_REPLICATED',
  retry: 'later',
  hint: 'See in the AWS console why the copy to that region fails, then ask again: what was begun is finished.',
  fault: 'world',
};

export const DECRYPTION_FAILED: ProblemKind = {
  code: 'DECRYPTION_FAILED',
  retry: 'never',
  hint: 'Choose another backup or store: this object was changed, moved, cut, or made with another key.',
  runbook: 'damaged-backup.md',
  fault: 'world',
};

export const OBJECT_DAMAGED: ProblemKind = {
  code: 'OBJECT_DAMAGED',
  retry: 'never',
  hint: 'Choose another backup or store: this is not an object that dbdr wrote, or it is damaged.',
  runbook: 'damaged-backup.md',
  fault: 'world',
};

export const OBJECT_TOO_LARGE: ProblemKind = {
  code: 'OBJECT_TOO_LARGE',
  retry: 'never',
  hint: 'Find out who else writes to this store: dbdr does not write such large objects of this kind.',
  fault: 'world',
};

/** The ring as a whole is meant: it says nothing of the object that was to be read. */
export function concernsKeyFile(error: unknown): boolean {
  return RING_KINDS.some((kind) => isProblem(error, kind));
}

const RING_KINDS = [
  KEY_FILE_MISSING,
  KEY_FILE_MODE,
  KEY_UNREADABLE,
  KEY_SECRETS_MISSING,
  KEY_UNREACHABLE,
];
