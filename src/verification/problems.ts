/** Why a proof cannot even begin. What goes wrong inside one is a check with a verdict. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SERVER_UNKNOWN: ProblemKind = {
  code: 'VERIFY_SERVER_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the servers in the config.',
  fault: 'request',
};

export const STORE_UNKNOWN: ProblemKind = {
  code: 'VERIFY_STORE_UNKNOWN',
  retry: 'never',
  hint: 'Name one of the stores of this server.',
  fault: 'request',
};

export const BACKUP_UNKNOWN: ProblemKind = {
  code: 'VERIFY_BACKUP_UNKNOWN',
  retry: 'never',
  hint: 'List the backups with `backups`.',
  fault: 'request',
};

export const NOTHING_TO_PROVE: ProblemKind = {
  code: 'VERIFY_NOTHING_TO_PROVE',
  retry: 'never',
  hint: 'Take a backup with `backup`; if there should be some, check the store and the key file.',
  fault: 'world',
};

export const NO_OLDER: ProblemKind = {
  code: 'VERIFY_NO_OLDER',
  retry: 'never',
  hint: 'Prove the newest one with `verify`; `backups` lists what there is.',
  fault: 'world',
};

export const PLAN_OUTDATED: ProblemKind = {
  code: 'VERIFY_PLAN_OUTDATED',
  retry: 'now',
  hint: 'Ask again: the config has changed since.',
  fault: 'refused',
};

export const CANNOT_PAUSE: ProblemKind = {
  code: 'VERIFY_CANNOT_PAUSE',
  retry: 'later',
  hint: 'Look at the standby that `verification.read_from` names, then ask again.',
  fault: 'world',
};
